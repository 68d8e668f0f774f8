// Keeps the cells of a flash memory on a disk: has them from there when its VM starts, and writes what
// changes.
#pragma once

#include <atomic>
#include <optional>
#include <span>

#include "backend/disk.hpp"
#include "device/flash_array.hpp"

namespace antler::vm {

// Whom the keeper works for: a VM, or a test.
class FlashOwner {
public:
    // The board reads or writes the keeper's memory; until it ended, neither goes.  From any hart.
    virtual void transfer_begins() = 0;
    virtual void transfer_ended() = 0;
    // work() is wanted.  From any hart.
    virtual void ask_for_work() = 0;

protected:
    ~FlashOwner() = default;
};

// Changes go to the disk in groups: all pages that changed until some moment, as they were then.  A group is
// written twice, each time followed by a flush: first behind the image, with a header that says what it is,
// and then into the image.  So whoever reads the disk after a power cut finds the image after a whole number
// of groups: a header whose group is whole is carried out again.
//
// On the disk: the image in whole pages; as many pages for the group, each where it has its place in the
// image; the header in one sector.
class FlashKeeper final : public backend::DiskClient {
public:
    using Pages = device::FlashArray::Pages;
    static constexpr u32 page = device::FlashArray::page;

    [[nodiscard]] static constexpr u64 image_bytes(u64 cells) { return (cells + page - 1) / page * page; }
    [[nodiscard]] static constexpr u64 disk_bytes(u64 cells) { return 2 * image_bytes(cells) + page; }

    // `cells` and `copy` are image_bytes() of the house's memory, `header` is a page of it.  `first` is what
    // the flash holds when the disk was never used.
    struct Memory {
        std::span<u8> cells{};
        std::span<u8> copy{};
        std::span<u8> header{};
        std::span<u8 const> first{};
    };
    FlashKeeper(backend::Disk& disk, FlashOwner& owner, Memory const& memory)
        : disk_{disk}, owner_{owner}, memory_{memory} {}

    // Whoever calls one of these is the only one, and has the array.

    // Before the guest runs, until it says true.
    [[nodiscard]] Result<bool> load_step(device::FlashArray& array);
    // After a guest's write.
    void note(device::FlashArray const& array);
    // A bounded piece of what there is to do; true: there is more at once.
    [[nodiscard]] bool work(device::FlashArray& array);
    // The guest will write no more: true when all of it is on the disk, or cannot be.
    [[nodiscard]] bool settle(device::FlashArray& array);
    // Changes that the disk did not take.
    [[nodiscard]] bool lost_something() const { return lost_; }
    // The disk knows nothing of us any more; false: not yet, ask again.
    [[nodiscard]] bool leave();

    void disk_done(std::span<backend::DiskEnd const> ended) override;
    void disk_has_room() override { owner_.ask_for_work(); }

private:
    enum class Stage : u8 { idle, copies, sums, group, header, group_flush, image, image_flush };
    enum class Loading : u8 { image, header, group, sums, loaded };
    enum class Transfer : u8 { none, under_way, done, failed };
    struct Header;

    [[nodiscard]] Result<bool> carry(backend::DiskOperation operation, u64 at, std::span<u8> memory, u64 to);
    [[nodiscard]] Result<bool> carry_group(backend::DiskOperation operation, u64 at, std::span<u8> memory);
    [[nodiscard]] Result<bool> flush();
    [[nodiscard]] Result<bool> step(device::FlashArray& array);
    void go_to(Stage stage);
    [[nodiscard]] bool sum_some();
    [[nodiscard]] Header& header() const { return *reinterpret_cast<Header*>(memory_.header.data()); }
    [[nodiscard]] bool has_header() const;
    [[nodiscard]] u64 pages() const { return memory_.cells.size() / page; }
    [[nodiscard]] u64 image_sectors() const { return memory_.cells.size() / backend::sector_bytes; }

    backend::Disk& disk_;
    FlashOwner& owner_;
    Memory memory_;
    Stage stage_ = Stage::idle;
    Loading loading_ = Loading::image;
    std::atomic<Transfer> transfer_ = Transfer::none;
    u64 carried_ = 0;  // sectors of the transfer that is under way
    u64 cursor_ = 0;   // sectors, or pages, that the stage has behind it
    Pages group_{};
    u64 sum_ = 0;                     // of the group
    u64 seen_ = 0;                    // changes that were noted
    std::optional<u64> failed_at_{};  // changes when the disk failed: it is asked again after the next
    bool asked_ = false;
    bool last_try_ = false;
    bool lost_ = false;
};

}  // namespace antler::vm
