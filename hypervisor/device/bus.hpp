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
    static constexpr usize max_regions = 32;

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
        // A stale or torn-free guess is only slower: what it names is checked like any other region.
        auto const guess = last_.load(std::memory_order_relaxed);
        auto const& region = regions_[guess];
        auto const offset = at - region.range.start;
        if (offset < region.range.size) [[likely]]
            return Hit{region.device, static_cast<Offset>(offset), guess};
        return search(at);
    }

    [[nodiscard]] usize size() const { return count_; }

private:
    struct Region {
        GpaRange range{};
        Device* device{};
    };

    [[nodiscard, gnu::noinline]] std::optional<Hit> search(Gpa at) const {
        usize low = 0;
        usize high = count_;
        while (low < high) {
            auto const middle = (low + high) / 2;
            auto const& region = regions_[middle];
            if (region.range.contains(at)) {
                last_.store(static_cast<u8>(middle), std::memory_order_relaxed);
                return Hit{region.device, static_cast<Offset>(at - region.range.start),
                           static_cast<u8>(middle)};
            }
            if (at < region.range.start)
                high = middle;
            else
                low = middle + 1;
        }
        return std::nullopt;
    }

    std::array<Region, max_regions> regions_{};
    usize count_ = 0;
    mutable std::atomic<u8> last_ = 0;  // below max_regions; a hint, so relaxed on both sides
};

}  // namespace antler::device
