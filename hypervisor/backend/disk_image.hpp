// A read-only disk whose sectors lie in the house's memory, as a payload of the pack does.
#pragma once

#include "backend/disk_memory.hpp"

namespace antler::backend {

class DiskImage final : public Disk {
public:
    // What is behind the last whole sector of the image is no part of the disk.
    DiskImage(std::span<u8 const> image, PieceMemory& memory) : image_{image}, memory_{memory} {}

    [[nodiscard]] DiskShape shape() const override {
        return {.sectors = image_.size() / sector_bytes, .read_only = true};
    }
    [[nodiscard]] DiskTarget locate(DiskOperation operation, u64 sector, u64 sectors) override {
        if (operation != DiskOperation::read && operation != DiskOperation::flush) return {};
        return {this, sector, sectors};
    }
    [[nodiscard]] Result<void> submit(DiskRequest const& request, DiskClient& client, u32 token) override {
        if (request.operation == DiskOperation::read) {
            if (!shape().has(request.sector, request.sectors)) return Err{Error::out_of_range};
            PieceCursor{memory_, request.pieces}.write(
                image_.subspan(request.sector * sector_bytes, request.sectors * sector_bytes));
        } else if (request.operation != DiskOperation::flush) {
            return Err{Error::denied};
        }
        client.disk_done(std::array{DiskEnd{token, DiskStatus::done}});
        return {};
    }
    void go() override {}
    void forget(DiskClient& /*client*/) override {}

private:
    std::span<u8 const> image_;
    PieceMemory& memory_;
};

}  // namespace antler::backend
