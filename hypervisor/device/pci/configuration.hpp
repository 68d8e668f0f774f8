// The configuration space of a PCI function of type 0: what may be written, base addresses, capabilities.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/address.hpp"
#include "device/device.hpp"

namespace antler::device::pci {

namespace place {
enum : Offset {
    vendor = 0x00,
    device = 0x02,
    command = 0x04,
    status = 0x06,
    revision = 0x08,
    class_code = 0x09,
    cache_line = 0x0c,
    header_type = 0x0e,
    bars = 0x10,
    subsystem_vendor = 0x2c,
    subsystem = 0x2e,
    capabilities = 0x34,
    interrupt_line = 0x3c,
    interrupt_pin = 0x3d,
    first_capability = 0x40,
};
}
namespace command {
enum : u16 { memory = 1u << 1, master = 1u << 2, no_interrupt = 1u << 10 };
}
namespace status {
enum : u16 { interrupt = 1u << 3, capabilities = 1u << 4 };
}
namespace capability_id {
enum : u8 { power = 0x01, vendor = 0x09, express = 0x10, msix = 0x11 };
}

struct Identity {
    u16 vendor = 0;
    u16 device = 0;
    u8 revision = 0;
    u32 class_code = 0;  // 24 bits
    u16 subsystem_vendor = 0;
    u16 subsystem = 0;
};

inline constexpr u32 bar_count = 6;

struct Bar {
    u64 bytes = 0;  // a power of two, 16 or more; 0: there is none
    bool wide = false;
    bool prefetchable = false;
};

// Little-endian fields of an array.
[[nodiscard]] constexpr u64 load(std::span<u8 const> bytes, Offset at, u32 width) {
    u64 value = 0;
    for (u32 i = 0; i < width && at + i < bytes.size(); ++i) value |= u64{bytes[at + i]} << (8 * i);
    return value;
}
constexpr void store(std::span<u8> bytes, Offset at, u32 width, u64 value) {
    for (u32 i = 0; i < width && at + i < bytes.size(); ++i)
        bytes[at + i] = static_cast<u8>(value >> (8 * i));
}

// Whatever is written, only the bits of the mask change.  A base address that is all ones reads back as its
// size, because its low bits have no mask.
class Configuration {
public:
    static constexpr u32 bytes = 256;

    // --- before the guest sees it

    void identify(Identity const& who) {
        put(place::vendor, 2, who.vendor);
        put(place::device, 2, who.device);
        put(place::revision, 4, u64{who.revision} | u64{who.class_code} << 8);
        put(place::subsystem_vendor, 2, who.subsystem_vendor);
        put(place::subsystem, 2, who.subsystem);
        allow(place::command, 2, command::memory | command::master | command::no_interrupt);
        allow(place::cache_line, 1, 0xff);
        allow(place::interrupt_line, 1, 0xff);
    }
    void put(Offset at, u32 width, u64 value) { store(values_, at, width, value); }
    void allow(Offset at, u32 width, u64 mask) { store(masks_, at, width, mask); }
    // A wide one takes the next index too.
    void set_bar(u32 index, Bar const& bar) {
        constexpr u32 is_wide = 1u << 2, is_prefetchable = 1u << 3;
        bars_[index] = bar;
        auto const at = place::bars + 4 * index;
        put(at, 4, (bar.wide ? is_wide : 0) | (bar.prefetchable ? is_prefetchable : 0));
        allow(at, bar.wide ? 8 : 4, ~(bar.bytes - 1));
    }
    // Where the capability begins; none: there is no room.  `body` is what follows its two first bytes.
    std::optional<Offset> add_capability(u8 id, std::span<u8 const> body) {
        auto const at = end_;
        auto const next = (at + 2 + static_cast<u32>(body.size()) + 3) & ~3u;
        if (next > bytes) return std::nullopt;
        put(last_link_, 1, at);
        put(place::status, 2, get(place::status, 2) | status::capabilities);
        put(at, 1, id);
        for (usize i = 0; i < body.size(); ++i) values_[at + 2 + i] = body[i];
        last_link_ = at + 1;
        end_ = next;
        return at;
    }

    // --- the guest's

    [[nodiscard]] u64 get(Offset at, u32 width) const { return load(values_, at, width); }
    void write(Offset at, u32 width, u64 value) {
        for (u32 i = 0; i < width && at + i < bytes; ++i) {
            auto const mask = masks_[at + i];
            auto const byte = static_cast<u8>(value >> (8 * i));
            values_[at + i] = static_cast<u8>((values_[at + i] & ~mask) | (byte & mask));
        }
    }
    // Every bit that can be written is zero.
    void reset() {
        for (u32 i = 0; i < bytes; ++i) values_[i] &= static_cast<u8>(~masks_[i]);
    }

    [[nodiscard]] u16 command() const { return static_cast<u16>(get(place::command, 2)); }
    [[nodiscard]] bool is_master() const { return (command() & command::master) != 0; }
    [[nodiscard]] bool decodes_memory() const { return (command() & command::memory) != 0; }
    [[nodiscard]] Bar const& bar(u32 index) const { return bars_[index]; }
    // Where it lies now, whether it is decoded or not.
    [[nodiscard]] GpaRange bar_range(u32 index) const {
        auto const& bar = bars_[index];
        auto const raw = get(place::bars + 4 * index, bar.wide ? 8 : 4);
        return {Gpa{raw & ~(bar.bytes - 1)}, bar.bytes};
    }

    void visit(StateVisitor auto& state) { state("configuration", std::span<u8>{values_}); }

private:
    std::array<u8, bytes> values_{};
    std::array<u8, bytes> masks_{};
    std::array<Bar, bar_count> bars_{};
    Offset last_link_ = place::capabilities;
    Offset end_ = place::first_capability;
};

}  // namespace antler::device::pci
