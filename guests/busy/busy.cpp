// Has something under way at every device at once, on every hart, for ever: whoever pulls its plug does so in
// the midst of it.
#include <cstring>

#include "guests/block/drive.hpp"
#include "guests/lib/virtio_mmio.hpp"
#include "guests/net/talk.hpp"

namespace antler::guests {
namespace {

namespace virtio = abi::virtio;

// One queue of a simple device, with one buffer under way.
class Lane {
public:
    Lane(u64 base, u32 number) : base_{base}, number_{number} {
        auto const rings = take_pages(1);
        std::memset(reinterpret_cast<void*>(rings), 0, 4096);
        table_ = reinterpret_cast<virtio::Descriptor*>(rings);
        available_ = reinterpret_cast<u16 volatile*>(rings + 1024);
        used_ = reinterpret_cast<u16 volatile*>(rings + 2048);
        available_[0] = virtio::available_no_interrupt;
        open_queue(base, number, entries, rings, rings + 1024, rings + 2048);
    }
    [[nodiscard]] bool is_free() const { return used_[1] == posted_; }
    [[nodiscard]] u64 done() const { return used_[1]; }
    void offer(void* at, u32 bytes, bool device_writes) {
        table_[0] = {reinterpret_cast<u64>(at), bytes,
                     device_writes ? virtio::descriptor::device_writes : u16{0}, 0};
        available_[2 + posted_ % entries] = 0;
        asm volatile("fence rw, w" ::: "memory");
        available_[1] = ++posted_;
        asm volatile("fence rw, rw" ::: "memory");
        store<u32>(base_ + mmio::notify, number_);
    }

private:
    static constexpr u16 entries = 4;

    u64 base_;
    u32 number_;
    virtio::Descriptor* table_;
    u16 volatile* available_;
    u16 volatile* used_;
    u16 posted_ = 0;
};

// A device that needs no feature but the version; between begin() and end() its lanes are made.
class Simple {
public:
    explicit Simple(virtio::DeviceId id) {
        auto const found = find_virtio(id);
        if (!found) give_up("a device is missing");
        base_ = found->base;
        namespace status = virtio::status;
        store<u32>(base_ + mmio::status, 0);
        store<u32>(base_ + mmio::status, status::acknowledge | status::driver);
        choose_features(base_, virtio::feature::version_1);
    }
    [[nodiscard]] Lane lane(u32 number) const { return {base_, number}; }
    void go() const {
        namespace status = virtio::status;
        store<u32>(base_ + mmio::status,
                   status::acknowledge | status::driver | status::features_ok | status::driver_ok);
    }

private:
    u64 base_ = 0;
};

void fidget(void*) {
    csr::sie::set(irq::bit(irq::timer));
    for (u64 turn = this_hart().id;; ++turn) {
        auto const end = now() + guest().hertz / 1000 * (1 + turn % 5);
        while (now() < end) pause();
        sbi::set_timer(now() + guest().hertz / 1000);
        wait_for_interrupt();
    }
}

class Everything {
public:
    void turn() {
        work_disk();
        work_card();
        work_rest();
        if (says_so_ || !all_did()) return;
        says_so_ = true;
        say("busy: at work");
    }

private:
    static constexpr u32 given_pages = 32;
    static constexpr u64 area = 1024;  // sectors of the disk

    void begin(u32 slot) {
        ++requests_;
        disk_.put(slot, requests_ % 2 == 0 ? BlockType::read : BlockType::write,
                  requests_ % (area / Drive::page_sectors) * Drive::page_sectors);
    }
    void work_disk() {
        while (requests_ < Drive::depth) begin(static_cast<u32>(requests_));
        while (auto const slot = disk_.take()) {
            ++ended_;
            begin(*slot);
        }
        disk_.kick();
    }
    void work_card() {
        while (auto const frame = card_.receive()) ++heard_;
        for (int i = 0; i < 4; ++i) {
            auto* const room = card_.room();
            if (room == nullptr) break;
            constexpr Mac everybody{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
            card_.push(write_arp(room, 1, card_.mac(), {9}, everybody, {1}));
        }
        card_.kick();
    }
    void work_rest() {
        if (entropy_.is_free()) entropy_.offer(random_, sizeof random_, true);
        if (console_.is_free()) console_.offer(words_, sizeof words_, false);
        if (!inflate_.is_free() || !deflate_.is_free()) return;
        for (u32 i = 0; i < given_pages; ++i) pages_[i] = static_cast<u32>(given_ >> 12) + i;
        has_given_ = !has_given_;
        (has_given_ ? inflate_ : deflate_).offer(pages_, sizeof pages_, false);
    }
    [[nodiscard]] bool all_did() const {
        return ended_ > 100 && heard_ > 10 && entropy_.done() > 2 && console_.done() > 2 &&
               deflate_.done() > 2;
    }

    static Drive disk() {
        auto found = Drive::find(0);
        if (!found) give_up("there is no disk");
        return *found;
    }

    Drive disk_ = disk();
    Card card_{0};
    Simple entropy_device_{virtio::DeviceId::entropy};
    Lane entropy_ = entropy_device_.lane(0);
    Simple console_device_{virtio::DeviceId::console};
    Lane console_ = console_device_.lane(1);
    Simple balloon_device_{virtio::DeviceId::balloon};
    Lane inflate_ = balloon_device_.lane(0);
    Lane deflate_ = balloon_device_.lane(1);
    u64 given_ = take_pages(given_pages);
    u32 pages_[given_pages]{};
    u8 random_[64]{};
    char words_[8] = {'w', 'o', 'r', 'd', 's', ' ', '\r', '\n'};
    u64 requests_ = 0;
    u64 ended_ = 0;
    u64 heard_ = 0;
    bool has_given_ = false;
    bool says_so_ = false;

public:
    Everything() {
        entropy_device_.go();
        console_device_.go();
        balloon_device_.go();
    }
};

}  // namespace

void run() {
    for (u64 hart = 0; hart < 4; ++hart)
        if (hart != this_hart().id) (void)start_hart(hart, fidget, nullptr);
    Everything everything;
    for (;;) everything.turn();
}

}  // namespace antler::guests
