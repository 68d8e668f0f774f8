// A VM's memory as the rest of vm/ sees it: one checked way to what a guest points at.
#pragma once

#include <optional>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"
#include "hart/guest_access.hpp"
#include "hart/window_access.hpp"
#include "memory/guest_ram.hpp"
#include "memory/space.hpp"
#include "vm/core.hpp"
#include "vm/description.hpp"

namespace antler::vm {

class Ram {
public:
    Ram(memory::Space& space, GpaRange range, memory::Colours const& colours = {}, bool on_touch = false)
        : ram_{space, range, colours, on_touch}, seen_bytes_{seen_of(range)} {}

    // Whole ranges of RAM, copied once; an error when any byte is not RAM.  Memory on demand comes.
    [[nodiscard]] Result<void> read(Gpa at, std::span<u8> out) {
        if (auto* const here = seen(at, out.size());
            here != nullptr && hart::copy_guarded(out.data(), here, out.size()) == 0) [[likely]]
            return {};
        return copy(at, out.data(), out.size(), Direction::from_guest);
    }
    [[nodiscard]] Result<void> write(Gpa at, std::span<u8 const> in) {
        if (auto* const here = seen(at, in.size());
            here != nullptr && hart::copy_guarded(here, in.data(), in.size()) == 0) [[likely]]
            return {};
        return copy(at, const_cast<u8*>(in.data()), in.size(), Direction::to_guest);  // only read from
    }
    // Single words of rings and the like; one that is aligned is read or written at once.
    template <class T>
    [[nodiscard]] bool load(Gpa at, T& into) {
        if constexpr (hart::WindowWord<T>) {
            auto* const here = at.is_aligned(sizeof(T)) ? seen(at, sizeof(T)) : nullptr;
            if (here != nullptr && hart::load_window(here, into)) [[likely]]
                return true;
        }
        return copy(at, reinterpret_cast<u8*>(&into), sizeof(T), Direction::from_guest).ok();
    }
    template <class T>
    [[nodiscard]] bool store(Gpa at, T const& value) {
        if constexpr (hart::WindowWord<T> && sizeof(T) <= 8) {
            auto* const here = at.is_aligned(sizeof(T)) ? seen(at, sizeof(T)) : nullptr;
            if (here != nullptr && hart::store_window(here, value)) [[likely]]
                return true;
        }
        return copy(at, const_cast<u8*>(reinterpret_cast<u8 const*>(&value)), sizeof(T), Direction::to_guest)
            .ok();
    }
    // Where this hart sees aligned memory while it serves the VM, or null; load_seen() may fail there.
    [[nodiscard, gnu::always_inline]] void* seen(Gpa at, u64 bytes) {
        if (this_core().view.serves() != &ram_.space() || bytes > seen_bytes_ ||
            at - ram_.range().start > seen_bytes_ - bytes) [[unlikely]]
            return nullptr;
        return memory::window_view(memory::in_vm_window(at));
    }
    [[nodiscard, gnu::always_inline]] static bool load_seen(void const* at, u64& low, u64& high) {
        return hart::load_window_pair(at, low, high);
    }
    [[nodiscard]] GpaRange range() const { return ram_.range(); }
    [[nodiscard]] bool contains(Gpa at, u64 bytes = 1) const { return ram_.range().contains(at, bytes); }
    [[nodiscard]] bool is_mapped(Gpa at) { return ram_.space().lookup(at).has_value(); }

    // Where an address lies in physical memory, and how many bytes go on from there; memory on demand comes.
    struct Place {
        Hpa at{};
        u64 bytes = 0;
        bool writable = false;
    };
    [[nodiscard]] Result<Place> find(Gpa at);

    // The same, for one who asks often: it remembers the leaf that it found last, while the space stays as it
    // is.  Whoever removes pages waits until nobody uses what was found.
    class Finder {
    public:
        explicit Finder(Ram& ram) : ram_{ram} {}
        [[nodiscard, gnu::always_inline]] Result<Place> find(Gpa at) {
            auto const offset = at - start_;
            if (offset < bytes_ && changes_ == ram_.space().changes()) [[likely]]
                return Place{found_ + offset, bytes_ - offset, writable_};
            return look(at);
        }
        // Where so many bytes lie, if they lie in one piece and may be touched so.
        [[nodiscard, gnu::always_inline]] std::optional<Hpa> find_all(Gpa at, u64 bytes, bool writes) {
            auto const offset = at - start_;
            if (offset < bytes_ && bytes <= bytes_ - offset && (!writes || writable_) &&
                changes_ == ram_.space().changes()) [[likely]]
                return found_ + offset;
            return look_for_all(at, bytes, writes);
        }

    private:
        [[nodiscard, gnu::noinline]] Result<Place> look(Gpa at);
        [[nodiscard, gnu::noinline]] std::optional<Hpa> look_for_all(Gpa at, u64 bytes, bool writes);

        Ram& ram_;
        Gpa start_{};
        u64 bytes_ = 0;
        Hpa found_{};
        u64 changes_ = 0;
        bool writable_ = false;
    };

    // Memory for the first touch of an address, and this hart's own fence for it.
    // The guest's own touch: interrupts are served between steps, so the vCPU may have stopped afterwards.
    [[nodiscard]] Result<void> touch(Gpa at);
    // The commonest of that: 2 MiB where its tables are.  False: it is not like that, and nothing was done.
    [[nodiscard]] bool touch_gap(Gpa at);
    // All of it, ahead.
    [[nodiscard]] Result<void> fill();
    // The same, a short step at a time; true when all of it is there.
    [[nodiscard]] Result<bool> fill_step();
    // Gives back all of it, and the tables, in bounded steps; no hart is in the space any more.
    [[nodiscard]] bool give_back_step();

    // What lies around an address, before its guest runs: a short step at a time; true when it is there.
    [[nodiscard]] Result<bool> bring_step(Gpa at);

    // Puts the next part of an image where it belongs, from `done` on, and moves `done`; what lies beyond its
    // file is zero.  True when all of it is there.
    [[nodiscard]] Result<bool> place_step(Segment const& segment, u64& done);

    // Makes this hart run in, and see, this memory.
    void enter(Core& core);
    [[nodiscard]] memory::Space& space() { return ram_.space(); }

private:
    // How much of it windows show.
    [[nodiscard]] static constexpr u64 seen_of(GpaRange range) {
        constexpr u64 end = memory::vm_window_gigabytes << 30;
        if (range.start.raw() >= end) return 0;
        return range.size < end - range.start.raw() ? range.size : end - range.start.raw();
    }
    [[nodiscard]] Result<void> populate(Gpa at);
    enum class Direction : u8 { to_guest, from_guest };
    [[nodiscard]] Result<void> copy(Gpa at, u8* bytes, u64 count, Direction direction);
    [[nodiscard]] Result<void> clear(Gpa at, u64 count);
    template <class Body>
    [[nodiscard]] Result<void> for_each_piece(Gpa at, u64 count, Body&& body);

    memory::GuestRam ram_;
    u64 seen_bytes_;
};

// This hart's part of a flush of a space.
void flush_space(Core& core, memory::Space& space, memory::FlushRequest const& request);
// The same of the house: how much of it changed is not worth a look.
void flush_house_here();

}  // namespace antler::vm
