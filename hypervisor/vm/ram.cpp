// Copies through the VM window while this hart serves the VM, and through the copy window else.
#include "vm/ram.hpp"

#include <algorithm>

#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "hart/guest_access.hpp"
#include "memory/layout.hpp"
#include "vm/core.hpp"

namespace antler::vm {
namespace {

using memory::granule_bytes;

constexpr u64 step_bytes = granule_bytes;
constexpr u64 zero_bytes = 256 * 1024;  // of a page on demand, between looks at the interrupts
// Of a page on demand that the hypervisor touches before its guest: there it cannot look at the interrupts.
constexpr u64 own_touch_bytes = isa::Pte::napot_bytes;
constexpr u64 place_bytes =
    16 * 1024;  // a step of placing an image is short enough for guests that wait meanwhile

// What `request` names is fenced on this hart, for the VMID it uses.  Nothing else is needed: a hart that
// keeps translations of both stages as one drops those that go by such an address.   [norm:hfence-gvma_op]
template <FenceSite whole, FenceSite page>
void fence(memory::HartView& view, memory::Space const& space, memory::FlushRequest const& request) {
    view.flush(
        space, request, [](u16 vmid) { hart::hfence_gvma_vmid(whole, vmid); },
        [](Gpa at, u16 vmid) { hart::hfence_gvma(page, at, vmid); });
}

}  // namespace

void Ram::enter(Core& core) {
    core.view.enter(ram_.space(), [](memory::Space::Ticket const& ticket) {
        namespace csr = hart::csr;
        csr::vsatp::write({});
        csr::hgatp::write(ticket.hgatp);
        if (!ticket.must_fence) return;
        hart::hfence_gvma_vmid(FenceSite::space_entered, ticket.tag.vmid());
        hart::hfence_vvma_all(FenceSite::tables_of_former_space);
    });
}

void flush_space(Core& core, memory::Space& space, memory::FlushRequest const& request) {
    fence<FenceSite::space_changed, FenceSite::page_changed>(core.view, space, request);
}

bool Ram::touch_gap(Gpa at) {
    auto& core = this_core();
    if (!ram_.populate_gap(core.view, at, zero_bytes, [&] { (void)core.serve_interrupts(); })) return false;
    if (core.view.serves() == &ram_.space())
        hart::hfence_gvma(FenceSite::page_touched, at.align_down(page_bytes), core.view.vmid());
    return true;
}

Result<void> Ram::touch(Gpa at) {
    if (touch_gap(at)) return {};
    auto& core = this_core();
    auto const populated =
        TRY(ram_.populate(core.view, at, granule_bytes, zero_bytes, [&] { (void)core.serve_interrupts(); }));
    fence<FenceSite::table_touched, FenceSite::page_touched>(core.view, ram_.space(), populated.stale);
    return {};
}

Result<void> Ram::populate(Gpa at) {
    auto& core = this_core();
    // A guest that may still find nothing there touches it itself, and fences then.
    static_cast<void>(
        TRY(ram_.populate(core.view, at, own_touch_bytes, own_touch_bytes, [&] { core.serve_fences(); })));
    return {};
}

Result<void> Ram::fill() {
    auto& core = this_core();
    while (!TRY(ram_.fill_step(core.view, step_bytes))) core.serve_fences();
    return {};
}

Result<bool> Ram::fill_step() {
    return ram_.fill_step(this_core().view, zero_bytes);
}

Result<bool> Ram::bring_step(Gpa at) {
    return ram_.bring_step(this_core().view, at, zero_bytes);
}

bool Ram::give_back_step() {
    ram_.abandon_fill();
    return space().destroy_step();
}

Result<Ram::Place> Ram::find(Gpa at) {
    if (!contains(at)) return Err{Error::out_of_range};
    auto mapping = ram_.space().lookup(at);
    if (!mapping) {
        TRY(populate(at));
        mapping = ram_.space().lookup(at);
        if (!mapping) return Err{Error::no_memory};
    }
    return Place{mapping->at, mapping->leaf_bytes - (at.raw() - mapping->leaf_start), mapping->how.may.write};
}

Result<Ram::Place> Ram::Finder::look(Gpa at) {
    auto const changes = ram_.space().changes();  // before the leaf: one that is newer is looked for again
    auto const place = TRY(ram_.find(at));
    // What else lies in its leaf is the guest's too.
    auto const mapping = ram_.space().lookup(at);
    if (!mapping || mapping->at != place.at) return place;
    start_ = Gpa{mapping->leaf_start};
    found_ = mapping->at - (at - start_);
    bytes_ = mapping->leaf_bytes;
    writable_ = place.writable;
    changes_ = changes;
    return place;
}

std::optional<Hpa> Ram::Finder::look_for_all(Gpa at, u64 bytes, bool writes) {
    auto const place = find(at);
    if (!place || place.value().bytes < bytes || (writes && !place.value().writable)) return std::nullopt;
    return place.value().at;
}

// Calls body(Hpa, bytes done, bytes) for stretches that are contiguous, mapped, and inside one granule.
template <class Body>
Result<void> Ram::for_each_piece(Gpa at, u64 count, Body&& body) {
    if (!contains(at, count)) return Err{Error::out_of_range};
    for (u64 done = 0; done < count;) {
        auto const here = at + done;
        auto mapping = ram_.space().lookup(here);
        if (!mapping) {
            TRY(populate(here));
            mapping = ram_.space().lookup(here);
            if (!mapping) return Err{Error::no_memory};
        }
        u64 bytes = mapping->leaf_bytes - (here.raw() - mapping->leaf_start);
        auto const in_granule = granule_bytes - mapping->at.offset_in(granule_bytes);
        if (bytes > in_granule) bytes = in_granule;
        if (bytes > count - done) bytes = count - done;
        body(mapping->at, done, bytes);
        done += bytes;
        this_core().serve_fences();
    }
    return {};
}

Result<void> Ram::copy(Gpa at, u8* bytes, u64 count, Direction direction) {
    if (!contains(at, count)) return Err{Error::out_of_range};
    auto& core = this_core();
    if (core.view.serves() == &ram_.space() && memory::is_in_vm_window({at, count})) {
        auto* const window = memory::window_view(memory::in_vm_window(at));
        auto const left = direction == Direction::to_guest ? hart::copy_guarded(window, bytes, count)
                                                           : hart::copy_guarded(bytes, window, count);
        if (left == 0) return {};
        // Memory that was never touched, or that another hart has mapped first: the slow way brings either.
        core.view.catch_up(ram_.space());
    }
    return for_each_piece(at, count, [&](Hpa memory, u64 done, u64 piece) {
        auto const page = memory.align_down(page_bytes);
        auto const offset = memory - page;
        auto const guard = core.view.open({page, (offset + piece + page_bytes - 1) & ~(page_bytes - 1)});
        auto* const there = guard.bytes().data() + offset;
        if (direction == Direction::to_guest) {
            __builtin_memcpy(there, bytes + done, piece);
        } else {
            __builtin_memcpy(bytes + done, there, piece);
        }
    });
}

Result<void> Ram::clear(Gpa at, u64 count) {
    return for_each_piece(at, count, [&](Hpa memory, u64, u64 piece) {
        auto const page = memory.align_down(page_bytes);
        auto const offset = memory - page;
        auto const guard =
            this_core().view.open({page, (offset + piece + page_bytes - 1) & ~(page_bytes - 1)});
        __builtin_memset(guard.bytes().data() + offset, 0, piece);
    });
}

Result<bool> Ram::place_step(Segment const& segment, u64& done) {
    auto const end = done < segment.file.size ? segment.file.size : segment.memory_bytes;
    auto const in_granule = granule_bytes - (segment.at + done).offset_in(granule_bytes);
    auto const count = std::min({end - done, place_bytes, in_granule});
    if (!TRY(bring_step(segment.at + done))) return false;
    if (done < segment.file.size) {
        auto const* const file = static_cast<u8 const*>(memory::house_view(segment.file.start));
        TRY(write(segment.at + done, {file + done, count}));
    } else {
        TRY(clear(segment.at + done, count));
    }
    done += count;
    return done == segment.memory_bytes;
}

}  // namespace antler::vm
