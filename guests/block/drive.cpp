// A driver of a virtio disk.
#include "guests/block/drive.hpp"

#include <cstring>

#include "guests/lib/virtio_mmio.hpp"

namespace antler::guests {
namespace {

namespace virtio = abi::virtio;
namespace block = abi::virtio::block;

constexpr u32 header_bytes = 32;  // a stretch may follow

}  // namespace

std::optional<Drive> Drive::find(u32 index) {
    auto const found = find_virtio(virtio::DeviceId::block, index);
    if (!found) return std::nullopt;
    Drive drive;
    drive.base_ = found->base;
    drive.source_ = found->source;

    auto const reg = [&](u32 at) { return load<u32>(drive.base_ + at); };
    auto const set = [&](u32 at, u32 value) { store<u32>(drive.base_ + at, value); };
    namespace status = virtio::status;
    set(mmio::status, 0);
    set(mmio::status, status::acknowledge);
    set(mmio::status, status::acknowledge | status::driver);
    set(mmio::host_select, 0);
    u64 offered = reg(mmio::host_features);
    set(mmio::host_select, 1);
    offered |= u64{reg(mmio::host_features)} << 32;
    drive.features_ = offered & (block::feature::read_only | block::feature::flush | block::feature::discard |
                                 virtio::feature::event_index | virtio::feature::version_1);
    choose_features(drive.base_, drive.features_);
    if ((reg(mmio::status) & status::features_ok) == 0) give_up("the disk does not like these features");
    drive.sectors_ =
        u64{load<u32>(drive.base_ + mmio::config + 4)} << 32 | load<u32>(drive.base_ + mmio::config);

    auto const rings = take_pages(1);
    std::memset(reinterpret_cast<void*>(rings), 0, page);
    drive.table_ = reinterpret_cast<virtio::Descriptor*>(rings);
    drive.available_ = reinterpret_cast<u16 volatile*>(rings + 1024);
    drive.used_ = reinterpret_cast<u16 volatile*>(rings + 2048);
    drive.headers_ = rings + 3072;
    drive.status_ = rings + 3072 + depth * header_bytes;
    drive.data_ = take_pages(depth);
    open_queue(drive.base_, 0, entries, rings, rings + 1024, rings + 2048);
    set(mmio::status, status::acknowledge | status::driver | status::features_ok | status::driver_ok);
    const_cast<u16 volatile*>(drive.available_)[2 + entries] = static_cast<u16>(-1);  // nobody calls
    return drive;
}

void Drive::put(u32 slot, BlockType type, u64 sector) {
    auto* const header = reinterpret_cast<block::Header*>(headers_ + u64{slot} * header_bytes);
    *header = {static_cast<u32>(type), 0, sector};
    auto const head = static_cast<u16>(3 * slot);
    u16 const kind = type == BlockType::read ? virtio::descriptor::device_writes : u16{0};
    table_[head] = {reinterpret_cast<u64>(header), sizeof *header, virtio::descriptor::next,
                    static_cast<u16>(head + 1)};
    table_[head + 1] = {data_ + u64{slot} * page, page, static_cast<u16>(kind | virtio::descriptor::next),
                        static_cast<u16>(head + 2)};
    table_[head + 2] = {status_ + slot, 1, virtio::descriptor::device_writes, 0};
    available_[2 + posted_ % entries] = head;
    ++posted_;
}

void Drive::put_bytes(u32 slot, BlockType type, u64 sector, u32 bytes) {
    put(slot, type, sector);
    *reinterpret_cast<u8 volatile*>(status_ + slot) = 0xff;
    auto const head = 3 * slot;
    if (type == BlockType::identify) table_[head + 1].flags |= virtio::descriptor::device_writes;
    table_[head + 1].bytes = bytes;
    if (bytes == 0) table_[head].next = static_cast<u16>(head + 2);
}

bool Drive::publish() {
    asm volatile("fence rw, w" ::: "memory");
    available_[1] = posted_;
    asm volatile("fence rw, rw" ::: "memory");
    auto const before = told_;
    told_ = posted_;
    if (!has(virtio::feature::event_index)) return true;
    return virtio::passed(used_[2 + 4 * entries], posted_, before);
}

std::optional<u32> Drive::take() {
    if (used_[1] == taken_) return std::nullopt;
    asm volatile("fence r, rw" ::: "memory");
    auto const* const ring = reinterpret_cast<Used const volatile*>(const_cast<u16 const*>(used_) + 2);
    auto const id = ring[taken_ % entries].id;
    ++taken_;
    return id / 3;
}

u64 Drive::spin() {
    u64 looked = 0;
    u64 seen = 0;
    asm volatile(
        "1: lhu %1, 2(%2)\n"
        "addi %0, %0, 1\n"
        "beq %1, %3, 1b\n"
        : "+r"(looked), "=&r"(seen)
        : "r"(used_), "r"(u64{taken_})
        : "memory");
    return looked;
}

std::optional<BlockStatus> Drive::ask(BlockType type, u64 sector, u32 bytes) {
    put_bytes(0, type, sector, bytes);
    kick();
    if (!within(10'000, [&] { return used_[1] != taken_; })) return std::nullopt;
    (void)take();
    return status(0);
}

std::optional<BlockStatus> Drive::ask_and_sleep(BlockType type, u64 sector, u32 seconds) {
    Wires const wires{this_hart().id};
    wires.open(source_);
    csr::sie::set(irq::bit(irq::external) | irq::bit(irq::timer));
    available_[2 + entries] = taken_;  // call when it ends
    put_bytes(0, type, sector, page);
    auto const end = now() + guest().hertz * seconds;
    sbi::set_timer(end);
    kick();
    bool called = false;
    while (!called && now() < end) {
        wait_for_interrupt();
        auto const source = wires.claim();
        if (source == 0) continue;
        called = source == source_;
        auto const why = load<u32>(base_ + mmio::interrupt);
        store<u32>(base_ + mmio::acknowledge, why);
        wires.complete(source);
    }
    sbi::set_timer(sbi::never);
    csr::sie::clear(irq::bit(irq::external) | irq::bit(irq::timer));
    available_[2 + entries] = static_cast<u16>(taken_ - 1);
    if (!called || !take()) return std::nullopt;
    return status(0);
}

void Drive::detach() {
    base_ = take_pages(1);
    auto const rings = take_pages(1);
    std::memset(reinterpret_cast<void*>(rings), 0, page);
    table_ = reinterpret_cast<virtio::Descriptor*>(rings);
    available_ = reinterpret_cast<u16 volatile*>(rings + 1024);
    used_ = reinterpret_cast<u16 volatile*>(rings + 2048);
    posted_ = told_ = taken_ = 0;
}

void Drive::play_the_device(u32 count) {
    auto* const ring = reinterpret_cast<Used volatile*>(const_cast<u16*>(used_) + 2);
    for (u16 index = used_[1]; count != 0; --count, ++index)
        ring[index % entries].id = available_[2 + index % entries];
    used_[1] = posted_;
}

}  // namespace antler::guests
