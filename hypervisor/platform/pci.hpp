// Functions behind a PCI host bridge: their configuration, and addresses for what they decode.
#pragma once

#include <optional>

#include "base/address.hpp"
#include "base/result.hpp"
#include "memory/house.hpp"
#include "platform/board.hpp"

namespace antler::platform {

// One function of the bridge's first bus, through its page of the configuration space.
class PciFunction {
public:
    PciFunction(Hpa configuration, u8 device, u8 function)
        : base_{configuration}, device_{device}, function_{function} {}

    [[nodiscard]] u8 device() const { return device_; }
    [[nodiscard]] u8 function() const { return function_; }
    // Its number on the bus, by which an IOMMU knows whose an access is.
    [[nodiscard]] u16 requester() const { return static_cast<u16>(device_ << 3 | function_); }
    [[nodiscard]] u32 read(u32 offset) const;  // 32 bits; the offset is rounded down
    [[nodiscard]] u8 read8(u32 offset) const { return static_cast<u8>(read(offset) >> offset % 4 * 8); }
    [[nodiscard]] u16 read16(u32 offset) const { return static_cast<u16>(read(offset) >> offset % 4 * 8); }
    void write(u32 offset, u32 value) const;

    [[nodiscard]] u16 vendor() const { return read16(0x00); }
    [[nodiscard]] u16 id() const { return read16(0x02); }
    [[nodiscard]] u16 subsystem() const { return read16(0x2e); }
    [[nodiscard]] u8 pin() const { return read8(0x3d); }
    // Its messages are sent as its MSI-X table says, and its pin is not raised any more.
    void send_messages() const;

private:
    Hpa base_;
    u8 device_;
    u8 function_;
};

// The bridge: finds functions, and gives memory to those that firmware left without.
class PciBridge {
public:
    explicit PciBridge(BoardPci const& board) : board_{board} {}

    // The house sees the first bus' configuration afterwards.
    [[nodiscard]] Result<void> open(memory::House& house) const;

    // Calls body(PciFunction) for every function of the first bus.  What lies behind further bridges is not
    // looked for.
    template <class Body>
    void for_each(Body&& body) {
        for (u8 device = 0; device < 32; ++device)
            for (u8 function = 0; function < 8; ++function) {
                PciFunction const found{place(device, function), device, function};
                if (found.vendor() == nobody) {
                    if (function == 0) break;
                    continue;
                }
                body(found);
                bool const has_more = (found.read8(0x0e) & 0x80) != 0;
                if (function == 0 && !has_more) break;
            }
    }

    // Gives every BAR an address, and lets the function decode them and reach memory by itself.
    void enable(PciFunction const& function);
    // Where harts see a BAR, be it of memory or of ports; none where they do not.
    [[nodiscard]] std::optional<HpaRange> bar(PciFunction const& function, u32 index) const;
    // The first of the functions that no IOMMU keeps apart from this one: those of one device may reach each
    // other without it.
    [[nodiscard]] u16 group_of(PciFunction const& function) const;
    // What its pin raises.
    [[nodiscard]] std::optional<BoardInterrupt> interrupt(PciFunction const& function) const;

private:
    static constexpr u16 nobody = 0xffff;

    [[nodiscard]] Hpa place(u8 device, u8 function) const {
        return board_.configuration.start + (u64{device} << 15 | u64{function} << 12);
    }
    // How much of a window is given away.
    struct Given {
        u64 memory = 0;
        u64 ports = 0;
    };
    [[nodiscard]] static std::optional<u64> allocate(std::optional<BoardPciWindow> const& window, u64& given,
                                                     u64 bytes);

    BoardPci const& board_;
    Given given_{};
};

}  // namespace antler::platform
