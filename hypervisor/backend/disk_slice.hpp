// A disk that is made of parts of another one: a partition, or a file's extents.
#pragma once

#include <algorithm>

#include "backend/disk.hpp"

namespace antler::backend {

struct DiskExtent {
    u64 first = 0;  // sector of the disk below
    u64 sectors = 0;
    u64 start = 0;  // sector of this disk: filled by DiskSlice
};

class DiskSlice final : public Disk {
public:
    // The extents stay where they are.  They must lie within the disk below; an empty list is an empty disk.
    [[nodiscard]] static Result<u64> check(Disk const& below, std::span<DiskExtent> extents) {
        auto const shape = below.shape();
        u64 start = 0;
        for (auto& extent : extents) {
            if (extent.sectors == 0 || !shape.has(extent.first, extent.sectors))
                return Err{Error::out_of_range};
            extent.start = start;
            start += extent.sectors;
            if (start < extent.sectors) return Err{Error::out_of_range};
        }
        return start;
    }

    // After check() said how many sectors there are.
    DiskSlice(Disk& below, std::span<DiskExtent const> extents, u64 sectors, bool read_only)
        : below_{below}, extents_{extents}, shape_{below.shape()} {
        shape_.sectors = sectors;
        shape_.read_only = shape_.read_only || read_only;
    }

    [[nodiscard]] DiskShape shape() const override { return shape_; }

    [[nodiscard]] DiskTarget locate(DiskOperation operation, u64 sector, u64 sectors) override {
        if (operation == DiskOperation::flush) return below_.locate(operation, 0, 0);
        if (shape_.read_only && operation != DiskOperation::read) return {};
        auto const* const extent = extents_.size() == 1 ? extents_.data() : find(sector);
        if (extent == nullptr || sector >= shape_.sectors) return {};
        auto const offset = sector - extent->start;
        return below_.locate(operation, extent->first + offset, std::min(sectors, extent->sectors - offset));
    }
    [[nodiscard]] DiskStretch stretch() override {
        if (extents_.size() != 1) return {};
        auto const below = below_.stretch();
        return {below.disk, below.first + extents_[0].first, below.most_sectors};
    }
    // locate() never names this disk.
    [[nodiscard]] Result<void> submit(DiskRequest const&, DiskClient&, u32) override {
        return Err{Error::bad_state};
    }
    void go() override { below_.go(); }
    void forget(DiskClient& client) override { below_.forget(client); }
    [[nodiscard]] Result<void> prepare() override { return below_.prepare(); }

private:
    [[nodiscard]] DiskExtent const* find(u64 sector) const {
        // The first that ends behind the sector.
        auto const found = std::ranges::partition_point(
            extents_, [&](DiskExtent const& extent) { return extent.start + extent.sectors <= sector; });
        return found == extents_.end() ? nullptr : &*found;
    }

    Disk& below_;
    std::span<DiskExtent const> extents_;
    DiskShape shape_;
};

}  // namespace antler::backend
