// Which port a station is behind: what changes the table.
#include "backend/address_table.hpp"

namespace antler::backend {

void AddressTable::remove(Set& set, u32 way, Shares& shares) {
    auto const value = set.values[way].exchange(0, std::memory_order_acq_rel);
    if ((value & there) != 0 && (value & pinned) == 0) --shares[port_of(value)];
}

void AddressTable::put(Set& set, u32 way, Shares& shares, u64 key, u32 value) {
    remove(set, way, shares);
    set.keys[way].store(key, std::memory_order_release);
    set.values[way].store(value, std::memory_order_release);
    if ((value & pinned) == 0) ++shares[port_of(value)];
}

bool AddressTable::learn(Mac station, Vlan vlan, PortNumber port, u32 now, u32 share) {
    auto const wanted = key(station, vlan);
    auto& set = sets_[place(wanted)];
    auto const fresh = there | u32{port} << port_shift | (now & stamp_mask);
    for (u32 way = 0; way < ways; ++way) {
        if (set.keys[way].load(std::memory_order_relaxed) != wanted) continue;
        auto const value = set.values[way].load(std::memory_order_acquire);
        if (value == fresh) return true;
        if ((value & there) == 0) continue;
        if ((value & pinned) != 0) return port_of(value) == port;
    }
    return shares_.with([&](Shares& shares) {
        // The one that is there; else a place that is free, or has been silent longest.
        u32 best = ways;
        u32 best_age = 0;
        for (u32 way = 0; way < ways; ++way) {
            auto const value = set.values[way].load(std::memory_order_relaxed);
            bool const is_there = (value & there) != 0;
            if (is_there && set.keys[way].load(std::memory_order_relaxed) == wanted) {
                if ((value & pinned) != 0) return port_of(value) == port;
                if (port_of(value) == port) {
                    set.values[way].store(fresh, std::memory_order_release);
                    return true;
                }
                remove(set, way, shares);  // it has moved
                best = way;
                break;
            }
            if (is_there && (value & pinned) != 0) continue;
            auto const this_age = is_there ? age(value, now) : stamp_mask;
            if (best != ways && this_age <= best_age) continue;
            best = way;
            best_age = this_age;
        }
        if (best == ways) return true;  // all pinned: it is flooded to
        // Beyond its share a port may only replace what is its own or was forgotten.
        auto const old = set.values[best].load(std::memory_order_relaxed);
        bool const replaces = (old & there) != 0 && is_alive(old, now);
        if (shares[port] >= share && !(replaces && port_of(old) == port)) return true;
        put(set, best, shares, wanted, fresh);
        return true;
    });
}

bool AddressTable::pin(Mac station, Vlan vlan, PortNumber port) {
    auto const wanted = key(station, vlan);
    auto& set = sets_[place(wanted)];
    auto const value = there | pinned | u32{port} << port_shift;
    return shares_.with([&](Shares& shares) {
        u32 best = ways;
        for (u32 way = 0; way < ways; ++way) {
            auto const old = set.values[way].load(std::memory_order_relaxed);
            bool const is_there = (old & there) != 0;
            bool const same = is_there && set.keys[way].load(std::memory_order_relaxed) == wanted;
            if (is_there && (old & pinned) != 0) {
                if (same) return port_of(old) == port;
                continue;
            }
            // An address that was learned must not stay beside the pinned one.
            if (same) remove(set, way, shares);
            if (best == ways || !is_there || same) best = way;
        }
        if (best == ways) return false;
        put(set, best, shares, wanted, value);
        return true;
    });
}

void AddressTable::forget(PortNumber port) {
    // A set at a time, so that nobody waits long.
    for (auto& set : sets_)
        shares_.with([&](Shares& shares) {
            for (u32 way = 0; way < ways; ++way) {
                auto const value = set.values[way].load(std::memory_order_relaxed);
                if ((value & there) != 0 && port_of(value) == port) remove(set, way, shares);
            }
        });
}

}  // namespace antler::backend
