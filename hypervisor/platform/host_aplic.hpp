// The supervisor's domain of the board's APLIC, which sends messages to IMSICs or signals to harts directly.
#pragma once

#include <array>
#include <optional>

#include "base/address.hpp"
#include "base/result.hpp"
#include "isa/aplic.hpp"
#include "platform/board.hpp"
#include "platform/mmio.hpp"

namespace antler::platform {

// Its registers hold all of its state: any hart may call claim() and look_again() at any time.
class HostAplic {
public:
    explicit HostAplic(BoardAplic const& board) : base_{board.registers.start}, sources_{board.sources} {}

    // Closes every source, and chooses how interrupts are delivered; false: it cannot do that.
    [[nodiscard]] bool start(isa::aplic::Delivery how);
    // From now on the wire reaches somebody.
    void connect(BoardWire wire, isa::aplic::Target target) const;
    // Nothing of it is pending any more.                                                    [aia AdvPLIC 5.2]
    void disconnect(BoardWire wire) const {
        write(isa::aplic::sourcecfg + 4 * u64{wire.source},
              isa::aplic::Sourcecfg::of(isa::aplic::SourceMode::inactive).raw);
    }

    // A level that stays raised sends one message only.  Having served such a source, its hart asks for
    // another one in case that something is left.
    // [aia AdvPLIC 9.2]
    void look_again(u32 source) const { write(isa::aplic::setipnum, source); }

    // From now on, and until connect() or open(), nobody hears of the wire.
    void close(u32 source) const { write(isa::aplic::clrienum, source); }
    // A level that is high is heard.
    void open(BoardWire wire) const {
        write(isa::aplic::setienum, wire.source);
        if (isa::aplic::is_level(wire.mode)) look_again(wire.source);
    }
    // The wire itself, whoever hears of it: it asks for something.
    [[nodiscard]] bool is_high(u32 source) const {
        constexpr u32 bits = 32;
        auto const word = mmio_read<u32>(base_ + isa::aplic::in_clrip + u64{source} / bits * 4);
        return (word >> source % bits & 1) != 0;
    }

    // Of one hart, where there are no messages.
    void open_hart(u32 hart_index) const;
    // The source that is next; zero: none.
    [[nodiscard]] u32 claim(u32 hart_index) const {
        auto const taken = mmio_read<u32>(base_ + idc(hart_index) + isa::aplic::idc_claimi);
        return isa::aplic::Topi::source::get(taken);
    }

private:
    static constexpr u64 idc(u32 hart_index) {
        return isa::aplic::idcs + u64{isa::aplic::idc_bytes} * hart_index;
    }
    void write(u64 offset, u32 value) const { mmio_write<u32>(base_ + offset, value); }

    Hpa base_;
    u32 sources_;
};

// Those that are used.
struct HostAplics {
    std::array<std::optional<HostAplic>, Board::max_aplics> all{};
    [[nodiscard]] HostAplic* find(u32 controller) {
        auto& one = all[controller % all.size()];
        return one ? &*one : nullptr;
    }
    [[nodiscard]] HostAplic const& operator[](u32 controller) const { return *all[controller % all.size()]; }
};

}  // namespace antler::platform
