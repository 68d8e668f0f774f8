// A vCPU's interrupt file: one of its home hart's, or a state machine here.  Its guest cannot tell which.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "base/address.hpp"
#include "isa/imsic.hpp"
#include "isa/interrupt_file.hpp"

namespace antler::vm {

class Vcpu;

// The guest's own map: a page for each vCPU, in their order, and none for guests of guests.
inline constexpr Gpa imsic_start{0x2800'0000};
[[nodiscard]] constexpr GpaRange imsic_region(u32 vcpus) {
    return {imsic_start, u64{vcpus} * page_bytes};
}
// Where the board has no IMSIC: as many identities as on QEMU's.
inline constexpr u32 usual_identities = 255;

// Whoever lets devices store to a file's page by themselves: an IOMMU.  Called on the vCPU's home hart, with
// no lock held, while its guest stands still.
class FileObserver {
public:
    // The file at `page` will be somebody else's.  Returns when no device's message can reach it any more;
    // until it is told of another page, messages are the pending bits at GuestFile::words(), or send().
    virtual void file_leaves(Vcpu& vcpu, Hpa page) = 0;
    // Messages may be stored there from now on.
    virtual void file_lives_at(Vcpu& vcpu, Hpa page) = 0;

protected:
    ~FileObserver() = default;

private:
    friend class Vm;
    FileObserver* next_ = nullptr;
};

class GuestFile {
public:
    GuestFile(Vcpu& vcpu, u32 identities) : vcpu_{vcpu}, soft_{identities} {
        for (usize i = 1; i < words_.size(); i += 2) words_[i].store(~u64{0}, std::memory_order_relaxed);
    }
    GuestFile(GuestFile const&) = delete;
    GuestFile& operator=(GuestFile const&) = delete;

    // --- any hart

    [[nodiscard]] u32 identities() const { return soft_.identities(); }
    // A message.  What the file does not implement it ignores.
    void send(u32 identity);
    // Where it lives now, as a glance: whoever keeps it is a FileObserver.  None: in software.
    [[nodiscard]] std::optional<Hpa> page() const {
        auto const page = sink_.load(std::memory_order_acquire);
        return page == 0 ? std::nullopt : std::optional{Hpa{page}};
    }
    // The messages that came while it lived in software: in the layout of a memory-resident interrupt file,
    // so that an IOMMU can set bits there.  All are enabled, so each is followed by a notice.
    [[nodiscard]] std::array<std::atomic<u64>, 64>& words() { return words_; }
    // The notice.
    void messages_came();

    // --- its home hart

    // Which of the hart's files it is; zero: none.
    [[nodiscard]] u32 guest() const { return guest_; }
    // In software: what came is in it, and it is the guest's.
    [[nodiscard]] isa::InterruptFile& soft() { return soft_; }
    void collect();
    // In software: whether VSEIP is raised.
    [[nodiscard]] bool signals() const { return soft_.signals(); }
    // It came since the vCPU was loaded last, while there was no file for it.
    [[nodiscard]] bool is_wanted() const { return is_wanted_; }

    // Moves between the two, by the manual's sequence.                                 [aia VSLevel 1.2]
    void live_in(u32 guest, Hpa page);
    void live_in_software();
    u32 life = 0;  // of its VM, in which it was reset last
    // As a new one; it lives in software.
    void reset();
    // What came in software while it lives in a file of the hart.
    void forward();

private:
    static constexpr usize most_words = isa::InterruptFile::most_words;
    [[nodiscard]] u32 used_words() const { return identities() / 64 + 1; }

    alignas(512) std::array<std::atomic<u64>, 2 * most_words> words_{};  // pending, enabled, pending, …
    Vcpu& vcpu_;
    std::atomic<u64> sink_ = 0;     // the page of its file; zero: none
    std::atomic<u32> senders_ = 0;  // those that may have read it and not stored yet
    isa::InterruptFile soft_;
    u32 guest_ = 0;
    bool is_wanted_ = false;
};

}  // namespace antler::vm
