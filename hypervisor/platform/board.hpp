// What the firmware's device tree says about the real board.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "abi/fdt_reader.hpp"
#include "base/address.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "isa/aplic.hpp"
#include "isa/extensions.hpp"
#include "isa/imsic.hpp"
#include "platform/board_iommu.hpp"
#include "platform/board_pci.hpp"
#include "platform/bounded_list.hpp"

namespace antler::platform {

// A source of the controller that the hypervisor uses.
struct BoardWire {
    u32 source{};
    isa::aplic::SourceMode mode = isa::aplic::SourceMode::level1;
    u32 controller = 0;  // which of the board's APLICs
    // One number for each wire of the board.
    [[nodiscard]] constexpr u32 line() const { return controller << 10 | source; }
    friend bool operator==(BoardWire, BoardWire) = default;
};

struct BoardHart {
    u64 id{};
    u32 interrupt_controller = 0;      // phandle of its cpu-intc; 0: it has none
    bool enabled = true;               // by its `status`
    std::string_view isa_string{};     // riscv,isa: "rv64imafdch_zicsr…"; may be empty
    std::span<u8 const> extensions{};  // riscv,isa-extensions: strings; may be empty
    std::string_view mmu_type{};       // "riscv,sv48"; empty: no translation
    u32 cbom_block = 0;                // bytes; 0: no such instructions, or not told
    u32 cboz_block = 0;
    u32 cbop_block = 0;
    std::optional<u16> plic_context{};  // its S-mode context
    // By which an APLIC of the supervisor's signals to it: which one, and its number there.
    struct AplicPlace {
        u32 controller{};
        u32 index{};
        friend bool operator==(AplicPlace, AplicPlace) = default;
    };
    std::optional<AplicPlace> aplic{};
    std::optional<u16> imsic_index{};  // the place of its S-mode file among the board's

    // Calls each("sstc") for every extension: from the list where there is one, else from the ISA string.
    template <class Each>
    void for_each_extension(Each&& each) const {
        if (extensions.empty()) {
            isa::for_each_extension(isa_string, each);
            return;
        }
        for (auto const name : abi::FdtStrings{extensions}) each(name);
    }
    [[nodiscard]] bool has(std::string_view extension) const;

    // What the tree says it can do.  The tree says nothing of G-stage modes, VMID bits and the like, which
    // must be probed on the hart itself.
    [[nodiscard]] isa::Features features() const;
};

struct BoardUart {
    HpaRange registers{};
    u32 register_shift = 0;
    u32 register_width = 1;  // bytes of an access
    u32 clock = 0;           // hertz; 0: not told
    u32 speed = 0;           // baud, from stdout-path or current-speed; 0: not told
    std::optional<BoardInterrupt> interrupt{};
};

// There may be no device behind it.
struct BoardVirtio {
    HpaRange registers{};
    std::optional<BoardInterrupt> interrupt{};
};

struct BoardPlic {
    HpaRange registers{};
    u32 phandle = 0;
    u32 sources = 0;
    u32 contexts = 0;
};

struct BoardAplic {  // the supervisor's
    HpaRange registers{};
    u32 phandle = 0;
    u32 sources = 0;
    bool message_signalled = false;  // it sends to the IMSIC

    // Its registers include those of the hart with this index.
    [[nodiscard]] bool has_hart(u32 index) const {
        return isa::aplic::idcs + u64{isa::aplic::idc_bytes} * (u64{index} + 1) <= registers.size;
    }
};

struct BoardImsic {  // the supervisor's
    static constexpr usize max_groups = 8;
    BoundedList<HpaRange, max_groups> groups{};
    u32 phandle = 0;
    u32 identities = 0;
    isa::ImsicLayout layout{};

    // The supervisor's file with this place among the board's.
    [[nodiscard]] std::optional<Hpa> file(u32 index) const;
};

struct BoardChosen {
    HpaRange initrd{};  // size 0: none
    std::string_view bootargs{};
    std::string_view stdout_path{};
    // Points into the tree, so that whoever uses the seed can wipe it there: nobody may use it twice.
    std::span<u8 const> rng_seed{};
};

// The text it shows lies in the tree, which therefore stays where it is as long as the board is used.
struct Board {
    static constexpr usize max_harts = 128;
    static constexpr usize max_memory = 32;
    static constexpr usize max_virtio = 32;
    static constexpr usize max_reserved = 64;
    static constexpr usize max_aplics = 4;
    static constexpr usize max_iommus = 4;

    std::string_view model{};
    Timebase timebase{};
    BoundedList<BoardHart, max_harts> harts{};
    BoundedList<HpaRange, max_memory> memory{};      // as the tree says, reserved parts included
    BoundedList<HpaRange, max_reserved> reserved{};  // /reserved-memory and the reservation block
    BoardChosen chosen{};
    std::optional<BoardUart> uart{};         // what stdout-path names, if it is an 8250
    std::optional<BoardUart> second_uart{};  // the first of the others
    std::optional<BoardPlic> plic{};
    BoundedList<BoardAplic, max_aplics> aplics{};  // that all deliver in the same way
    std::optional<BoardImsic> imsic{};
    std::optional<HpaRange> goldfish_rtc{};
    BoundedList<BoardVirtio, max_virtio> virtio_mmio{};
    std::optional<BoardPci> pci{};            // the first host bridge
    std::optional<HpaRange> test_finisher{};  // how QEMU's board tells its caller that something failed
    BoundedList<BoardIommu, max_iommus> iommus{};
    u64 cache_way = 0;  // bytes of a way of the last cache, the smallest of them; 0: not told
    u32 cache_level = 0;

    [[nodiscard]] BoardHart const* hart(u64 id) const;
    // None where the interrupt goes to another controller than the one that we use.
    [[nodiscard]] std::optional<BoardWire> wire(std::optional<BoardInterrupt> const& interrupt) const;
};

// Fills a fresh `board`, which is large and therefore the caller's.  Harts or banks beyond the limits are
// left out and counted (refused()); a reservation that finds no room is an error, for it would be
// overwritten.
[[nodiscard]] Result<void> read_board(abi::FdtReader const& tree, Board& board);

}  // namespace antler::platform
