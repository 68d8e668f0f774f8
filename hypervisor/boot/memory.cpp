// Who gets which memory at start, and how harts tell each other of changes.
#include "boot/memory.hpp"

#include <new>

#include "base/units.hpp"
#include "boot/drivers.hpp"
#include "boot/image.hpp"
#include "boot/networks.hpp"
#include "hart/csr.hpp"
#include "hart/fence.hpp"
#include "hart/float_vector.hpp"
#include "hart/house_entry.hpp"
#include "memory/hart_view.hpp"
#include "vm/device_tree_of.hpp"
#include "vm/ram.hpp"

namespace antler::boot {
namespace {

using memory::Order;
using memory::OwnerId;
using memory::Pool;

constexpr u64 first_house_bytes = 4_MiB;
constexpr Order stack_order{
    3};  // the lowest page is a guard page, the next the stack that faults are handled on

// Memory of the house for one object, zeroed; it stays as long as the machine.
template <class T, class... Arguments>
Result<T*> make(System& all, OwnerId owner, Arguments&&... arguments) {
    Order order{};
    while (order.bytes() < sizeof(T)) ++order.n;
    TRY(memory::ensure_free(all.frames, all.house, Pool::house, 2 * order.bytes()));
    auto page = TRY(all.frames.take_zeroed(order, owner));
    auto* const place = memory::house_view(page.start());
    (void)memory::PageMaker::unmake(std::move(page));
    return new (place) T(std::forward<Arguments>(arguments)...);
}

Result<std::span<u8>> make_bytes(System& all, OwnerId owner, u64 bytes) {
    Order order{};
    while (order.bytes() < bytes) ++order.n;
    TRY(memory::ensure_free(all.frames, all.house, Pool::house, 2 * order.bytes()));
    auto page = TRY(all.frames.take_zeroed(order, owner));
    std::span const place{static_cast<u8*>(memory::house_view(page.start())), bytes};
    (void)memory::PageMaker::unmake(std::move(page));
    return place;
}

// The stack, its guard page, and the page for faults, which a runaway stack cannot reach.
Result<void> give_stack(System& all, BootCore& core) {
    auto const bytes = TRY(make_bytes(all, memory::house_owner, stack_order.bytes()));
    auto const bottom = memory::house_address(bytes.data());
    core.fault_stack = (bottom + page_bytes).raw();
    TRY(all.house.protect({bottom + page_bytes, page_bytes}, memory::HouseAccess::none));
    core.stack_bottom = (bottom + 2 * page_bytes).raw();
    core.stack_top = (bottom + bytes.size()).raw();
    return {};
}

Result<void> give_view(System& all, BootCore& core) {
    TRY(memory::ensure_free(all.frames, all.house, Pool::house, 64_KiB));
    TRY(core.view.create(all.house, core.index));
    core.root = core.view.satp().raw;
    return {};
}

HpaRange whole_pages(HpaRange range) {
    auto const start = range.start.align_down(page_bytes);
    return {start, range.end().align_up(page_bytes) - start};
}

Result<void> map_board(System& all, HpaRange device_tree) {
    using memory::HouseAccess;
    auto& house = all.house;
    TRY(house.map_memory(image::code(), HouseAccess::read_execute));
    TRY(house.map_memory(image::constants(), HouseAccess::read));
    TRY(house.map_memory(image::data(), HouseAccess::read_write));
    TRY(house.map_memory(whole_pages(device_tree), HouseAccess::read_write));  // seeds in it are wiped
    if (all.board.chosen.initrd.size != 0)
        TRY(house.map_memory(whole_pages(all.board.chosen.initrd), HouseAccess::read));
    if (all.board.uart) TRY(house.map_device(all.board.uart->registers));
    if (all.board.plic) TRY(house.map_device(all.board.plic->registers));
    for (auto const& aplic : all.board.aplics) TRY(house.map_device(aplic.registers));
    if (all.board.imsic)
        for (auto const& group : all.board.imsic->groups) TRY(house.map_device(group));
    for (auto const& slot : all.board.virtio_mmio) TRY(house.map_device(slot.registers));
    if (all.board.second_uart) TRY(house.map_device(all.board.second_uart->registers));
    if (all.board.test_finisher) TRY(house.map_device(*all.board.test_finisher));
    if (all.board.goldfish_rtc) TRY(house.map_device(*all.board.goldfish_rtc));
    return {};
}

}  // namespace

Result<std::span<u8>> driver_memory(System& all, u64 bytes) {
    return make_bytes(all, memory::house_owner, bytes);
}

Result<void> open_memory(System& all, HpaRange device_tree) {
    auto const& board = all.board;
    std::array<HpaRange, platform::Board::max_reserved + 3> reserved{};
    usize count = 0;
    for (auto const& range : board.reserved) reserved[count++] = range;
    reserved[count++] = image::whole();
    reserved[count++] = whole_pages(device_tree);
    if (board.chosen.initrd.size != 0) reserved[count++] = whole_pages(board.chosen.initrd);
    std::array<HpaRange, platform::Board::max_memory> banks{};
    usize bank_count = 0;
    for (auto const& range : board.memory) banks[bank_count++] = range;

    auto const all_banks = std::span{banks}.first(bank_count);
    auto const all_reserved = std::span{reserved}.first(count);
    using memory::Frames;
    auto const table = TRY(Frames::find_room(all_banks, all_reserved, Frames::table_bytes(all_banks)));
    TRY(all.frames.initialise(all_banks, all_reserved, table, first_house_bytes));
    TRY(all.house.create(all.frames, all.features));
    TRY(map_board(all, device_tree));
    all.tags.emplace(all.features.vmid_bits);

    auto& core = *all.cores[0];
    TRY(give_view(all, core));
    hart::enter_house({core.root});
    return give_stack(all, core);
}

u64 memory_bytes(System const& all) {
    return const_cast<System&>(all).frames.totals().ram_bytes;
}

Result<void> new_core(System& all, u64 hart_id) {
    auto& core = *TRY(make<BootCore>(all, memory::house_owner));
    core.system = &all;
    core.id = hart_id;
    core.index = all.core_count;
    core.features = all.features;
    core.hypervisor = true;
    TRY(give_view(all, core));
    TRY(give_stack(all, core));
    all.cores[all.core_count++] = &core;
    return {};
}

}  // namespace antler::boot

namespace antler::memory {

namespace {

// The largest stores the hart has: eight vector registers, or cbo.zero, which takes no offset and so costs
// two instructions a block.  Calls `zero(void (*)(at, bytes))` with what does it.
template <class Zero>
[[gnu::always_inline]] inline auto zero_quickly(boot::BootCore& core, Zero&& zero) {
    auto const& features = core.features;
    if (8 * core.vector_bytes > features.cboz_block && hart::can_zero_pages(core.vector_bytes)) [[likely]] {
        core.open_units();
        return zero([](void* at, u64 bytes) { hart::zero_pages(at, bytes); });
    }
    if (features.zicboz && features.cboz_block != 0)
        return zero([&](void* at, u64 bytes) { hart::zero_blocks(at, bytes, features.cboz_block); });
    return zero([](void* at, u64 bytes) { __builtin_memset(at, 0, bytes); });
}

}  // namespace

void zero_block(void* at, u64 bytes) {
    auto& core = boot::this_boot_core();
    auto const before = hart::time();
    zero_quickly(core, [&](auto const& zero) { zero(at, bytes); });
    core.zeroing_ticks += hart::time() - before;
}

u64 zero_until_asked(void* at, u64 bytes, u64 step) {
    auto& core = boot::this_boot_core();
    return zero_quickly(core, [=, &core](auto const& zero) {
        auto* next = static_cast<u8*>(at);
        u64 rest = bytes;
        for (; rest > step; rest -= step, next += step) {
            zero(next, step);
            if (core.is_interrupted()) return bytes - rest + step;
        }
        zero(next, rest);
        return bytes;
    });
}

void fence_house_page(Hva at) {
    hart::sfence_vma(FenceSite::named_by_caller, at.raw());
}
void fence_house_windows() {
    hart::sfence_vma_all(FenceSite::named_by_caller);
}

namespace {

// Every hart of `asks` but this one does what the message says; returns when all have.
template <class Asks>
void tell_harts(vm::FlushMessage message, Asks&& asks) {
    auto& all = boot::system();
    std::atomic<u32> left = 0;
    message.left = &left;
    auto& here = boot::this_boot_core();
    for (u32 i = 0; all.harts_run && i < all.core_count; ++i) {
        if (i == here.index || !asks(i)) continue;
        left.fetch_add(1, std::memory_order_relaxed);
        all.cores[i]->ask_flush(message);
    }
    while (left.load(std::memory_order_acquire) != 0) here.serve_fences();  // they may be waiting for us
}

}  // namespace

void flush_house(HvaRange) {
    vm::flush_house_here();
    tell_harts({}, [](u32) { return true; });
}

void flush_harts(HartMask const& harts, Space& space, FlushRequest const& request) {
    if (harts.has(boot::this_boot_core().index)) vm::flush_space(boot::this_boot_core(), space, request);
    tell_harts({.space = &space, .request = request}, [&](u32 i) { return harts.has(i); });
}

}  // namespace antler::memory
