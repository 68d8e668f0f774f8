// What harts ask of each other, and how they answer.
#include "vm/core_calls.hpp"

#include "hart/fence.hpp"
#include "vm/outside.hpp"
#include "vm/ram.hpp"

namespace antler::vm {

void Vcpu::signal(Request what) {
    requests.fetch_or(static_cast<u32>(what), std::memory_order_seq_cst);
    // Whoever set in_inbox has sent, or will send, the IPI.
    if (in_inbox.exchange(true, std::memory_order_acq_rel)) return;
    // Read once: whoever has the vCPU in its inbox is the one to be told, and passes it on.
    auto& there = *home;
    there.put_into_inbox(*this);
    // Its own hart looks before the guest runs again (Core::settle), when no lock is held.
    if (&there != &this_core()) send_ipi(there.index);
}

u32 Vcpu::ask_fence(GuestFence const& fence) {
    bool const stored = fences.with([&](auto& ring) { return ring.push(fence); });
    if (!stored) fences_overflowed.store(true, std::memory_order_release);
    auto const ticket = fences_asked.fetch_add(1, std::memory_order_acq_rel) + 1;
    signal(Request::fence);
    return ticket;
}

void Vcpu::wait_for_fence(u32 ticket) {
    // A vCPU that is not loaded serves its requests before its translations can be used again (Core::load).
    while (loaded.load(std::memory_order_seq_cst) &&
           static_cast<i32>(fences_done.load(std::memory_order_acquire) - ticket) < 0) {
        this_core().serve_fences();  // the other side may be waiting for us
        hart::pause();
    }
}

void flush_house_here() {
    hart::sfence_vma_all(FenceSite::house_flushed);
}

void Core::put_into_inbox(Vcpu& vcpu) {
    auto* head = inbox.load(std::memory_order_relaxed);
    do {
        vcpu.next_in_inbox = head;
    } while (!inbox.compare_exchange_weak(head, &vcpu, std::memory_order_release, std::memory_order_relaxed));
}

void Core::ask_flush(FlushMessage const& message) {
    // There are as many places as harts that can ask, and each waits for its answer.
    while (!flushes.with([&](auto& ring) { return ring.push(message); })) this_core().serve_fences();
    flushes_wait.store(true, std::memory_order_seq_cst);
    send_ipi(index);
}

void Core::serve_flushes() {
    if (!flushes_wait.load(std::memory_order_relaxed)) return;
    flushes_wait.store(false, std::memory_order_seq_cst);
    while (auto const message = flushes.with([](auto& ring) { return ring.pop(); })) {
        if (message->space == nullptr) {
            flush_house_here();
        } else {
            flush_space(*this, *message->space, message->request);
        }
        message->left->fetch_sub(1, std::memory_order_release);
    }
}

// Only the fences: an exit is being handled, and nothing else may happen to its vCPU meanwhile.
void Core::serve_fences() {
    serve_flushes();
    auto* vcpu = inbox.exchange(nullptr, std::memory_order_acquire);
    while (vcpu != nullptr) {
        auto* const next = vcpu->next_in_inbox;
        if (pass_on(*vcpu)) {
            vcpu = next;
            continue;
        }
        auto const before =
            vcpu->requests.fetch_and(~static_cast<u32>(Request::fence), std::memory_order_seq_cst);
        if (includes(before, Request::fence)) vcpu->vm.serve_fences(*vcpu, current == vcpu);
        put_into_inbox(*vcpu);  // in_inbox stays set
        vcpu = next;
    }
}

void Core::serve_inbox() {
    if (flushes_wait.load(std::memory_order_relaxed)) serve_flushes();
    auto* vcpu = inbox.exchange(nullptr, std::memory_order_acquire);
    if (arrivals.load(std::memory_order_relaxed) != nullptr) serve_arrivals();
    while (vcpu != nullptr) {
        auto* const next = vcpu->next_in_inbox;
        if (pass_on(*vcpu)) {
            vcpu = next;
            continue;
        }
        // Cleared before the requests are read: a request that comes later finds it clear and sends again.
        vcpu->in_inbox.store(false, std::memory_order_seq_cst);
        deliver(*vcpu);
        vcpu = next;
    }
}

void Core::deliver(Vcpu& vcpu) {
    deliver_quickly(vcpu);
}

void Core::deliver_more(Vcpu& vcpu, u32 asked) {
    if (includes(asked, Request::device_work)) {
        serve_devices(vcpu);
        // The interrupts that came of it are its business at once.
        asked |= vcpu.requests.fetch_and(static_cast<u32>(Request::device_work), std::memory_order_seq_cst);
        asked &= ~static_cast<u32>(Request::device_work);
    }
    // First, for a hart that starts forgets the interrupts of its former life, not those that come with the
    // start.
    if (includes(asked, Request::start)) vcpu.vm.begin(vcpu);
    if (asked == static_cast<u32>(Request::start)) return;  // it is where it will run
    raise_interrupts(vcpu, asked);
    if (includes(asked, Request::message)) serve_messages(vcpu);
    if (includes(asked, Request::fence)) vcpu.vm.serve_fences(vcpu, current == &vcpu);
    // A request from the VM's former life may come late.
    if (includes(asked, Request::stop) && vcpu.vm.is_ending()) vcpu.vm.stopped(vcpu);
    if (includes(asked, Request::pause_changed)) vcpu.vm.serve_pause(vcpu);
    if (includes(asked, Request::share_changed)) reconsider(vcpu);
    if (includes(asked, Request::timer_changed)) {
        note_deadline(vcpu);
        set_timer();
    }
    wake_if_pending(vcpu);
}

void Core::ask_background() {
    bool const asked = background.exchange(true, std::memory_order_acq_rel);
    if (this == &this_core()) {
        must_choose = true;  // also where it was asked long ago: choose() may just have passed that by
    } else if (!asked) {
        send_ipi(index);
    }
}

void Core::ask_farewell() {
    bool const asked = farewell.exchange(true, std::memory_order_acq_rel);
    if (this == &this_core()) {
        must_choose = true;
    } else if (!asked) {
        send_ipi(index);
    }
}

}  // namespace antler::vm
