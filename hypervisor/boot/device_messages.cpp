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

void DeviceMessages::lead_to(Guest& guest, u32 vcpu, Hpa page) {
    guest.in_memory[vcpu] = false;
    guest.pages[vcpu] = page;
    iommus_.redirect(guest.vm->ram().space(), vcpu, page);
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
                    lead_to(guest, vcpu, *page);
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
        all->lead_to(*this, vcpu.id, page);
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

// Null: nothing is wrong.
char const* DeviceMessages::audit_file(State& state, Guest& guest, u32 number) {
    using isa::iommu::MessageEntry;
    auto const entry = iommus_.message(guest.vm->ram().space(), number);
    if (!entry) return "a VM has no table of messages";
    if (number >= guest.vm->vcpu_count())
        return entry->first == 0 ? nullptr : "messages to no vCPU lead somewhere";
    if (guest.in_memory[number]) {
        auto const memory = memory::house_address(file(guest, number, guest.which[number]));
        return entry->first == MessageEntry::to_memory(memory) ? nullptr
                                                               : "messages do not lead to their VM's memory";
    }
    auto const page = guest.pages[number];
    if (entry->first != MessageEntry::to_file(page)) return "messages do not lead to their vCPU's file";
    u32 owners = 0;
    for (auto const& other : state.guests)
        for (u32 i = 0; other.vm != nullptr && i < other.vm->vcpu_count(); ++i)
            owners += !other.in_memory[i] && other.pages[i] == page ? 1 : 0;
    return owners == 1 ? nullptr : "two vCPUs have one file";
}

auto DeviceMessages::audit(memory::Frames& frames) -> std::optional<Finding> {
    return state_.with([&](State& state) -> std::optional<Finding> {
        for (auto& guest : state.guests) {
            if (guest.vm == nullptr) continue;
            auto const info = frames.inspect(guest.files->start());
            if (!info || info->state != memory::FrameState::taken ||
                info->block.owner != guest.vm->ram().space().owner())
                return Finding{"files in memory are not their VM's", guest.vm, 0};
            for (u32 number = 0; number < platform::Iommus::most_files; ++number)
                if (auto const* const what = audit_file(state, guest, number); what != nullptr)
                    return Finding{what, guest.vm, number};
        }
        return std::nullopt;
    });
}

}  // namespace antler::boot
