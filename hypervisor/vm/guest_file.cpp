// Messages to a vCPU's interrupt file, and the file's moves.
#include "vm/guest_file.hpp"

#include "hart/guest_file.hpp"
#include "vm/vm.hpp"

namespace antler::vm {

using isa::FileDelivery;
namespace select = isa::interrupt_file;

namespace {

constexpr u16 register_of(u16 array, u32 word) {
    return select::of<isa::Xlen::rv64>(array, word * 64);
}

}  // namespace

void GuestFile::send(u32 identity) {
    if (identity == 0 || identity > identities()) return;
    // Who takes the file away waits until nobody is between these two.
    senders_.fetch_add(1, std::memory_order_seq_cst);
    auto const page = sink_.load(std::memory_order_seq_cst);
    if (page != 0) {
        hart::send_message(Hpa{page}, identity);
        hart::fence_io();
    }
    senders_.fetch_sub(1, std::memory_order_seq_cst);
    if (page != 0) return;
    auto const bit = u64{1} << identity % 64;
    // Whoever set it first has told, or will.
    if ((words_[usize{2} * (identity / 64)].fetch_or(bit, std::memory_order_seq_cst) & bit) == 0)
        messages_came();
}

void GuestFile::messages_came() {
    vcpu_.signal(Request::message);
}

void GuestFile::collect() {
    for (u32 word = 0; word < used_words(); ++word) {
        auto& arrived = words_[usize{2} * word];
        if (arrived.load(std::memory_order_relaxed) == 0) continue;
        soft_.merge_pending(word, arrived.exchange(0, std::memory_order_seq_cst));
        is_wanted_ = true;
    }
}

void GuestFile::forward() {
    hart::OpenGuestFile const file{guest_};
    for (u32 word = 0; word < used_words(); ++word) {
        auto const came = words_[usize{2} * word].exchange(0, std::memory_order_seq_cst);
        if (came != 0) file.set(register_of(select::eip0, word), came);
    }
}

void GuestFile::reset() {
    for (u32 word = 0; word < used_words(); ++word)
        words_[usize{2} * word].store(0, std::memory_order_relaxed);
    soft_ = isa::InterruptFile{identities()};
    is_wanted_ = false;
}

void GuestFile::live_in(u32 guest, Hpa page) {
    {
        hart::OpenGuestFile const file{guest};
        file.write(select::eidelivery, static_cast<u64>(FileDelivery::off));
        for (u32 word = 0; word < used_words(); ++word) file.write(register_of(select::eip0, word), 0);
    }
    // Without its page the guest's stores go on as faults, which is slower and no more.
    auto& space = *vcpu_.space;
    isa::Permissions const may{.read = true, .write = true};
    static_cast<void>(space.map_borrowed(imsic_start + u64{vcpu_.id} * page_bytes, {page, page_bytes}, may));
    sink_.store(page.raw(), std::memory_order_seq_cst);
    vcpu_.vm.file_lives_at(vcpu_, page);
    collect();
    hart::OpenGuestFile const file{guest};
    for (u32 word = 0; word < used_words(); ++word) {
        auto const pending = register_of(select::eip0, word);
        auto const enabled = register_of(select::eie0, word);
        file.set(pending, *soft_.read(pending));
        file.write(enabled, *soft_.read(enabled));
        static_cast<void>(soft_.write(pending, 0));
    }
    file.write(select::eithreshold, *soft_.read(select::eithreshold));
    file.write(select::eidelivery, *soft_.read(select::eidelivery));
    guest_ = guest;
    is_wanted_ = false;
}

void GuestFile::live_in_software() {
    {
        hart::OpenGuestFile const file{guest_};
        static_cast<void>(soft_.write(select::eithreshold, file.read(select::eithreshold)));
        static_cast<void>(soft_.write(select::eidelivery, file.read(select::eidelivery)));
        file.write(select::eidelivery, static_cast<u64>(FileDelivery::off));
    }
    Hpa const page{sink_.exchange(0, std::memory_order_seq_cst)};
    while (senders_.load(std::memory_order_seq_cst) != 0) hart::pause();
    vcpu_.vm.file_leaves(vcpu_, page);
    // Harts that have the page cached have stored what they store when they answer.
    static_cast<void>(vcpu_.space->unmap({imsic_start + u64{vcpu_.id} * page_bytes, page_bytes}));
    hart::OpenGuestFile const file{guest_};
    for (u32 word = 0; word < used_words(); ++word) {
        auto const enabled = register_of(select::eie0, word);
        static_cast<void>(soft_.write(enabled, file.read(enabled)));
        soft_.merge_pending(word, file.read(register_of(select::eip0, word)));
    }
    guest_ = 0;
    is_wanted_ = false;
    collect();
}

}  // namespace antler::vm
