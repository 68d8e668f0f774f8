// The frame table against every table that shows its frames.
#include "boot/audit.hpp"

#include "boot/image.hpp"
#include "memory/audit.hpp"
#include "memory/self_test.hpp"

namespace antler::boot {
namespace {

// What a guest has of memory that is not its own (a device, a channel) is nobody else's, and not the house's
// own.
void check_borrowed(System& all, vm::Vm& vm) {
    auto const is_ram = [&](Hpa at) {
        for (auto const& bank : all.board.memory)
            if (bank.contains(at)) return true;
        return false;
    };
    auto const leaf = [&](u64 start, memory::Mapping const& mapping) {
        if (mapping.how.holding != memory::Holding::borrowed || !is_ram(mapping.at)) return;
        auto const info = all.frames.inspect(mapping.at);
        bool const held = info && info->state == memory::FrameState::taken;
        bool const own = held && info->block.owner != memory::house_owner;
        auto const& pack = all.board.chosen.initrd;  // which holds code of flashes
        bool const packed = !mapping.how.may.write && pack.contains(mapping.at, mapping.leaf_bytes);
        if (!own && !packed)
            say("antler: audit failed: {}: a leaf shows memory of the house ({:x}, {:x})\n", vm.name(), start,
                mapping.at.raw());
    };
    vm.ram().space().with_trees([&](memory::Stage2& harts, memory::Stage2& devices) {
        for (auto* const tree : {&harts, &devices})
            if (tree->exists()) tree->for_each(leaf, [](Hpa, u64) {});
    });
}

void check_space(System& all, vm::Vm& vm, bool complete) {
    if (auto const wrong = memory::audit(vm.ram().space(), complete))
        say("antler: audit failed: {}: {} ({:x}, {:x})\n", vm.name(), wrong->what, wrong->at.raw(),
            wrong->frame.raw());
    check_borrowed(all, vm);
}

// A device reaches its VM's tree and sends to its VM's vCPUs.
void check_devices(System& all) {
    auto& iommus = *all.iommus;
    if (auto const wrong = iommus.all.audit())
        say("antler: audit failed: iommu {}, device {:x}: {}\n", wrong->device.iommu, wrong->device.number,
            std::string_view{wrong->what});
    if (auto const wrong = iommus.messages.audit(all.frames))
        say("antler: audit failed: {}: {} ({})\n", wrong->vm->name(), std::string_view{wrong->what},
            wrong->file);
}

u32 check_spaces(System& all) {
    u32 spaces = 0;
    for (auto* const vm : all.vms) {
        if (vm == nullptr) continue;
        ++spaces;
        check_space(all, *vm, vm->description().takes_all_memory());
    }
    return spaces;
}

u32 check_guard_pages(System& all) {
    for (u32 i = 0; i < all.core_count; ++i) {
        memory::Hva const guard{all.cores[i]->stack_bottom - page_bytes};
        if (all.house.lookup(guard)) say("antler: audit failed: the guard page of hart {} is mapped\n", i);
    }
    return all.core_count;
}

u32 check_guest_pool(System& all) {
    using memory::granule_bytes;
    u32 granules = 0;
    for (auto const& bank : all.board.memory)
        for (auto at = bank.start.align_up(granule_bytes); at < bank.end(); at = at + granule_bytes) {
            auto const info = all.frames.inspect(at);
            if (!info || info->block.pool != memory::Pool::guest) continue;
            ++granules;
            if (all.house.lookup(memory::Hva{at.raw()}))
                say("antler: audit failed: the house sees guest memory {:x}\n", at.raw());
        }
    return granules;
}

// Nothing that the house executes can be written, and nothing but its code is executed.
void check_code(System& all) {
    for (auto const& bank : all.board.memory)
        for (auto at = bank.start; at < bank.end();) {
            auto const mapping = all.house.lookup(memory::Hva{at.raw()});
            if (!mapping) {
                at = (at + 1).align_up(memory::granule_bytes);
                continue;
            }
            bool const is_code = image::code().contains(at);
            if (mapping->how.may.execute != is_code || (is_code && mapping->how.may.write))
                say("antler: audit failed: what may be executed, and what written, at {:x}\n", at.raw());
            at = Hpa{mapping->leaf_start + mapping->leaf_bytes};
        }
}

void test_ownership(System& all) {
    constexpr memory::OwnerId one{memory::max_owners - 1}, two{memory::max_owners - 2};
    auto const mode = all.features.gstage_for(39);
    auto const result = memory::self_test(all.frames, *all.tags, mode, all.features, one, two);
    if (result.wrong != nullptr) {
        say("antler: audit failed: it must be that {}\n", std::string_view{result.wrong});
    } else {
        say("antler: self-test: {} changes of pages\n", result.transitions);
    }
}

}  // namespace

void audit_memory(System& all) {
    if (all.options.log != control::Options::Log::debug) return;
    auto const begun = hart::time();
    test_ownership(all);
    check_code(all);
    auto const spaces = check_spaces(all);
    check_devices(all);
    auto const guards = check_guard_pages(all);
    auto const granules = check_guest_pool(all);
    say("antler: audit: looked at {} spaces, {} guard pages and {} granules of guests\n", spaces, guards,
        granules);
    all.audit_ticks = hart::time() - begun;
}

bool audit_again(System& all) {
    constexpr u64 often = 1000;
    if (all.options.log != control::Options::Log::debug) return false;
    for (usize i = 0; i < all.vms.size(); ++i) {
        auto* const vm = all.vms[i];
        if (vm == nullptr) continue;
        auto const changes = vm->ram().space().changes();
        if (changes < all.audited[i]) all.audited[i] = 0;  // another VM
        if (changes - all.audited[i] < often) continue;
        all.audited[i] = changes;
        check_space(all, *vm, false);
        check_devices(all);
        say("antler: audit: {} after {} changes of its memory\n", vm->name(), changes);
    }
    return true;
}

}  // namespace antler::boot
