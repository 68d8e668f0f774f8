// Two files in memory for each vCPU, in turn.
#include "boot/device_messages.hpp"

#include <bit>

#include "memory/frames.hpp"
#include "memory/physical.hpp"

namespace antler::boot {

using isa::iommu::MemoryFile;

auto DeviceMessages::file(Guest& guest, u32 vcpu, u32 which) -> File* {
    return static_cast<File*>(memory::house_view(guest.files->start())) + (u64{vcpu} * 2 + which);
}

// When it returns, the other one gets nothing any more.
void DeviceMessages::store_in(Guest& guest, u32 vcpu, u8 which) {
    guest.which[vcpu] = which;
    guest.in_memory[vcpu] = true;
    iommus_.redirect_to_memory(guest.vm->ram().space(), vcpu, memory::house_address(file(guest, vcpu, which)),
                               Hpa{notice_->to.raw() & ~(page_bytes - 1)}, notice_->data);
}

// Where none are stored any more.
void DeviceMessages::take(Guest& guest, u32 vcpu, u32 which) {
    auto& words = file(guest, vcpu, which)->words;
    for (u32 i = 0; i < words.size(); i += 2) {
        auto came = std::atomic_ref{words[i]}.exchange(0, std::memory_order_acq_rel);
        stored_.fetch_add(static_cast<u64>(std::popcount(came)), std::memory_order_relaxed);
        for (; came != 0; came &= came - 1)
            guest.vm->vcpu(vcpu)->file->send(i / 2 * 64 + static_cast<u32>(std::countr_zero(came)));
    }
}

Result<void> DeviceMessages::open(memory::Frames& frames, vm::Vm& vm) {
    auto const count = vm.vcpu_count();
    if (!vm.has_files() || !can_redirect() || count > most_vcpus) return Err{Error::not_supported};
    auto const bytes = std::bit_ceil(u64{count} * 2 * sizeof(File));
    auto const order = static_cast<u8>(bytes <= page_bytes ? 0 : std::countr_zero(bytes / page_bytes));
    auto& space = vm.ram().space();
    auto page = TRY(frames.take_zeroed(memory::Order{order}, space.owner()));
    auto const hart_bits = static_cast<u32>(std::bit_width(count - 1));
    auto const opened = state_.with([&](State& state) -> Result<Guest*> {
        for (auto& guest : state.guests) {
            if (guest.vm != nullptr) continue;
            TRY(iommus_.set_message_pages(space, isa::iommu::MessagePages::of(vm::imsic_start, hart_bits)));
            guest.all = this;
            guest.vm = &vm;
            guest.files.emplace(std::move(page));
            guest.which.fill(0);
            guest.in_memory.fill(false);
            for (u32 vcpu = 0; vcpu < count; ++vcpu) {
                // Each message is followed by a notice.
                for (u32 which = 0; which < 2; ++which)
                    for (u32 i = 1; i < MemoryFile{}.words.size(); i += 2)
                        file(guest, vcpu, which)->words[i] = ~u64{0};
                auto const page = vm.vcpu(vcpu)->file->page();
                if (page)
                    iommus_.redirect(space, vcpu, *page);
                else
                    store_in(guest, vcpu, 0);
            }
            return &guest;
        }
        return Err{Error::full};
    });
    if (!opened) {
        frames.give_back(std::move(page));
        return Err{opened.error()};
    }
    vm.observe_files(*opened.value());
    return {};
}

void DeviceMessages::close(memory::Frames& frames, vm::Vm& vm) {
    state_.with([&](State& state) {
        for (auto& guest : state.guests) {
            if (guest.vm != &vm) continue;
            VERIFY(iommus_.set_message_pages(vm.ram().space(), std::nullopt).ok());
            frames.give_back(std::move(*guest.files));
            guest.files.reset();
            guest.vm = nullptr;
        }
    });
}

void DeviceMessages::forget(vm::Vm const& vm) {
    state_.with([&](State& state) {
        for (auto& guest : state.guests) {
            for (u32 vcpu = 0; guest.vm == &vm && vcpu < vm.vcpu_count(); ++vcpu) {
                if (!guest.in_memory[vcpu]) continue;
                auto const old = guest.which[vcpu];
                store_in(guest, vcpu, static_cast<u8>(1 - old));
                auto& words = file(guest, vcpu, old)->words;
                for (u32 i = 0; i < words.size(); i += 2)
                    std::atomic_ref{words[i]}.store(0, std::memory_order_relaxed);
            }
        }
    });
}

void DeviceMessages::Guest::file_leaves(vm::Vcpu& vcpu, Hpa /*page*/) {
    all->state_.with([&](State&) {
        if (vm == &vcpu.vm) all->store_in(*this, vcpu.id, which[vcpu.id]);
    });
}

void DeviceMessages::Guest::file_lives_at(vm::Vcpu& vcpu, Hpa page) {
    all->state_.with([&](State&) {
        if (vm != &vcpu.vm) return;
        in_memory[vcpu.id] = false;
        all->iommus_.redirect(vm->ram().space(), vcpu.id, page);
        all->take(*this, vcpu.id, which[vcpu.id]);
    });
}

void DeviceMessages::interrupted() {
    notices_.fetch_add(1, std::memory_order_relaxed);
    state_.with([&](State& state) {
        for (auto& guest : state.guests) {
            for (u32 vcpu = 0; guest.vm != nullptr && vcpu < guest.vm->vcpu_count(); ++vcpu) {
                if (!guest.in_memory[vcpu]) continue;
                auto const old = guest.which[vcpu];
                bool came = false;
                for (u32 i = 0; i < MemoryFile{}.words.size(); i += 2)
                    came |= std::atomic_ref{file(guest, vcpu, old)->words[i]}.load(
                                std::memory_order_acquire) != 0;
                if (!came) continue;
                store_in(guest, vcpu, static_cast<u8>(1 - old));
                take(guest, vcpu, old);
            }
        }
    });
}

}  // namespace antler::boot
