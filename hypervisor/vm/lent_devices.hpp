// Devices of the board that a VM drives by their registers, and wires of the board that end in its interrupt
// controller.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "abi/fdt_reader.hpp"
#include "base/address.hpp"
#include "base/result.hpp"
#include "device/outside_wires.hpp"
#include "vm/description.hpp"
#include "vm/wire_controller.hpp"

namespace antler::vm {

// Where a guest sees registers that are lent: QEMU's virt board has nothing there.
inline constexpr GpaRange lent_region{Gpa{0x1100'0000}, 0x700'0000};

// A wire; boot/ has it.  Any hart may call it.
class BoardLine {
public:
    // It asks for as long as it is high; else each rise counts.
    [[nodiscard]] virtual bool is_level() const = 0;
    // Once it rose: is it high still?  If not, its next rise is told.
    [[nodiscard]] virtual bool look() = 0;
    // Its next rise is told, and that it is high now.
    virtual void open() = 0;

protected:
    ~BoardLine() = default;
};

// A device, as its guest finds it.
struct LentDevice {
    static constexpr usize most_registers = 4;
    static constexpr usize most_wires = 4;
    struct Wire {
        u32 source = 0;
        bool is_level = true;
    };

    abi::FdtNode node{};  // of the board's tree
    u32 clock = 0;        // hertz, of what the guest's tree does not show; 0: not told
    std::array<GpaRange, most_registers> registers{};
    usize register_count = 0;
    std::array<Wire, most_wires> wires{};
    usize wire_count = 0;
    // As after power-on, or nothing.
    void (*reset)(LentDevice const&) = nullptr;
    Hpa seen_by_house{};  // its first registers
};

// The holder of the VM's device lock calls it, once the guest runs.
class LentDevices final : public device::OutsideWires {
public:
    static constexpr u32 first_source = 48;
    static constexpr u32 most_wires = 16;

    // Room for so many bytes of registers, whole pages.
    [[nodiscard]] std::optional<Gpa> place(u64 bytes);
    // The guest's source for a wire.
    [[nodiscard]] Result<u32> add_wire(BoardLine& line);
    [[nodiscard]] Result<void> add(LentDevice const& device);
    [[nodiscard]] std::span<LentDevice const> devices() const { return std::span{devices_}.first(count_); }

    // As after power-on, with a controller that knows nothing of them yet.
    void power_on(WireController& wires);
    // The board tells.
    void rise(WireController& wires, u32 source);
    [[nodiscard]] bool look(u32 source) override;

private:
    std::array<LentDevice, max_devices> devices_{};
    usize count_ = 0;
    std::array<BoardLine*, most_wires> lines_{};
    u32 line_count_ = 0;
    u64 next_ = 0;  // within the region
};

}  // namespace antler::vm
