// Which port a station is behind: a hash table of fixed size that is read without a lock.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "backend/ethernet.hpp"
#include "base/locked.hpp"

namespace antler::backend {

using PortNumber = u8;

// Addresses are learned from what a port sends, forgotten when they have been silent, and pinned for machines
// whose address is known: nobody else can claim such a one.  A port cannot fill the table: it has a share.
class AddressTable {
public:
    static constexpr u32 ways = 4, sets = 256, capacity = ways * sets;
    static constexpr u32 lifetime = 300;  // in units of `now`

    [[nodiscard]] std::optional<PortNumber> find(Mac station, Vlan vlan, u32 now) const {
        auto const wanted = key(station, vlan);
        auto const& set = sets_[place(wanted)];
        for (u32 way = 0; way < ways; ++way) {
            if (set.keys[way].load(std::memory_order_relaxed) != wanted) continue;
            // A key is only written while its value says that nothing is there, so the same value before and
            // after the key belongs to it.
            auto const value = set.values[way].load(std::memory_order_acquire);
            if (set.keys[way].load(std::memory_order_acquire) != wanted ||
                set.values[way].load(std::memory_order_relaxed) != value || !is_alive(value, now))
                continue;
            return port_of(value);
        }
        return std::nullopt;
    }

    // A frame came from there.  False: the address is another port's for good.
    bool learn(Mac station, Vlan vlan, PortNumber port, u32 now, u32 share);
    [[nodiscard]] bool pin(Mac station, Vlan vlan, PortNumber port);
    // All that lies behind a port, pinned or not.
    void forget(PortNumber port);

    [[nodiscard]] u32 learned(PortNumber port) {
        return shares_.with([&](auto& shares) { return shares[port]; });
    }

private:
    // Of a value: is there, is pinned, port, time.
    static constexpr u32 there = u32{1} << 31, pinned = u32{1} << 30, port_shift = 22;
    static constexpr u32 stamp_mask = (u32{1} << port_shift) - 1;

    struct Set {
        std::array<std::atomic<u64>, ways> keys{};
        std::array<std::atomic<u32>, ways> values{};
    };

    [[nodiscard]] static constexpr u64 key(Mac station, Vlan vlan) { return station.bits | u64{vlan} << 48; }
    [[nodiscard]] static constexpr u32 place(u64 key) {
        return static_cast<u32>(key * 0x9e37'79b9'7f4a'7c15 >> 56);
    }
    static_assert(sets == 256);
    [[nodiscard]] static constexpr PortNumber port_of(u32 value) {
        return static_cast<PortNumber>(value >> port_shift);
    }
    [[nodiscard]] static constexpr u32 age(u32 value, u32 now) { return (now - value) & stamp_mask; }
    [[nodiscard]] static constexpr bool is_alive(u32 value, u32 now) {
        return (value & there) != 0 && ((value & pinned) != 0 || age(value, now) <= lifetime);
    }
    using Shares = std::array<u16, 256>;  // how many learned entries a port has
    void put(Set& set, u32 way, Shares& shares, u64 key, u32 value);
    void remove(Set& set, u32 way, Shares& shares);

    std::array<Set, sets> sets_{};
    Locked<Shares, Rank::stations> shares_{};  // whoever writes an entry holds it
};

}  // namespace antler::backend
