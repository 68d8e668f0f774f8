// Finds the device behind a guest-physical address: a sorted table and the place of the last hit.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "base/address.hpp"
#include "base/result.hpp"
#include "device/device.hpp"

namespace antler::device {

// Filled while the VM is built, read by all its vCPUs afterwards; find() takes no lock.
class Bus {
public:
    static constexpr usize max_regions = 40;

    Bus() = default;
    Bus(Bus const&) = delete;  // the last hit is remembered by its address
    Bus& operator=(Bus const&) = delete;

    struct Hit {
        Device* device{};
        Offset offset{};
        u8 index{};  // of the region, in the order of addresses: a key for the owner's locks
    };

    // Regions do not overlap, and each is smaller than 4 GiB.
    Result<void> attach(GpaRange region, Device& device) {
        if (region.size == 0 || region.wraps() || region.size > u64{0xffff'ffff})
            return Err{Error::out_of_range};
        if (count_ == max_regions) return Err{Error::full};
        for (usize i = 0; i < count_; ++i)
            if (regions_[i].range.overlaps(region)) return Err{Error::already_exists};
        auto at = count_++;
        for (; at > 0 && region.start < regions_[at - 1].range.start; --at) regions_[at] = regions_[at - 1];
        regions_[at] = {region, &device};
        return {};
    }

    [[nodiscard]] std::optional<Hit> find(Gpa at) const {
        // A stale guess is only slower: what it names is checked like any other region.
        auto const* region = last_.load(std::memory_order_relaxed);
        if (at - region->range.start >= region->range.size) [[unlikely]] {
            region = search(at);
            if (region == nullptr) return std::nullopt;
            last_.store(region, std::memory_order_relaxed);
        }
        return Hit{region->device, static_cast<Offset>(at - region->range.start), index_of(*region)};
    }

    [[nodiscard]] usize size() const { return count_; }

private:
    struct Region {
        GpaRange range{};
        Device* device{};
    };

    [[nodiscard]] u8 index_of(Region const& region) const {
        return static_cast<u8>(&region - regions_.data());
    }

    [[nodiscard, gnu::noinline]] Region const* search(Gpa at) const {
        usize low = 0;
        usize high = count_;
        while (low < high) {
            auto const middle = (low + high) / 2;
            auto const& region = regions_[middle];
            if (region.range.contains(at)) return &region;
            if (at < region.range.start)
                high = middle;
            else
                low = middle + 1;
        }
        return nullptr;
    }

    std::array<Region, max_regions> regions_{};
    usize count_ = 0;
    mutable std::atomic<Region const*> last_ = regions_.data();  // a hint, so relaxed on both sides
};

}  // namespace antler::device
