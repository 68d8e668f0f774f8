// Rings in house memory, which the device reads and writes at the same time.
#include "platform/driver_queue.hpp"

#include <atomic>

#include "base/panic.hpp"
#include "memory/physical.hpp"

namespace antler::platform {
namespace {

using abi::virtio::Descriptor;
namespace flag = abi::virtio::descriptor;

}  // namespace

void DriverQueue::open(std::span<u8> memory, u16 entries, bool event_index) {
    VERIFY(entries != 0 && (entries & (entries - 1)) == 0 && memory.size() >= memory_bytes(entries));
    auto* const start = memory.data();
    __builtin_memset(start, 0, memory_bytes(entries));
    descriptors_ = reinterpret_cast<Descriptor*>(start);
    available_ = reinterpret_cast<u16*>(start + available_offset(entries));
    used_ = reinterpret_cast<u16*>(start + used_offset(entries));
    chains_ = reinterpret_cast<Chain*>(start + used_offset(entries) + used_bytes(entries));
    entries_ = entries;
    room_ = entries;
    free_ = 0;
    added_ = published_ = taken_ = known_ = 0;
    event_index_ = event_index;
    broken_ = false;
    for (u16 i = 0; i < entries; ++i) descriptors_[i].next = static_cast<u16>(i + 1);
    ignore();
}

QueuePlace DriverQueue::place() const {
    return {memory::house_address(descriptors_), memory::house_address(available_),
            memory::house_address(used_), entries_};
}

Result<void> DriverQueue::add(std::span<DmaPiece const> read, std::span<DmaPiece const> written, u32 token) {
    auto const pieces = read.size() + written.size();
    if (pieces == 0 || broken_) return Err{Error::bad_state};
    if (pieces > room_) return Err{Error::full};
    auto const head = free_;
    auto index = head;
    auto last = head;
    auto const fill = [&](std::span<DmaPiece const> list, u16 flags) {
        for (auto const& piece : list) {
            auto& descriptor = descriptors_[index];
            descriptor.address = piece.at.raw();
            descriptor.bytes = piece.bytes;
            descriptor.flags = static_cast<u16>(flags | flag::next);
            last = index;
            index = descriptor.next;
        }
    };
    fill(read, 0);
    fill(written, flag::device_writes);
    descriptors_[last].flags &= static_cast<u16>(~flag::next);
    chains_[head] = {token, static_cast<u16>(pieces), last};
    free_ = index;
    room_ = static_cast<u16>(room_ - pieces);
    show(head);
    return {};
}

void DriverQueue::tie(u16 index, Hpa table) {
    descriptors_[index] = {table.raw(), 0, flag::indirect, 0};
    room_ = 0;
}

bool DriverQueue::publish() {
    if (added_ == published_) return false;
    auto const before = published_;
    published_ = added_;
    // The chains before the index.   [virtio 2.7.13]
    store(available(1), added_, std::memory_order_release);
    // The index before we look whether the device sleeps.   [virtio 2.7.13.4]
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (event_index_) return abi::virtio::passed(load(available_event()), added_, before);
    return (load(used_half(0)) & abi::virtio::used_no_notify) == 0;
}

bool DriverQueue::listen() {
    if (event_index_)
        store(used_event(), taken_);
    else
        store(available(0), 0);
    // The wish before we look whether it came too late.   [virtio 2.7.14]
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return load(used_half(1), std::memory_order_acquire) == taken_;
}

void DriverQueue::ignore() {
    if (event_index_)
        store(used_event(), static_cast<u16>(taken_ - 1));  // passed long ago, and not again for a while
    else
        store(available(0), abi::virtio::available_no_interrupt);
}

}  // namespace antler::platform
