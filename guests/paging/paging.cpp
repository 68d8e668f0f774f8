// The guest's own paging is the hart's: every mode, SUM and MXR, A and D, and page tables that point nowhere.
#include "guests/lib/device_tree.hpp"
#include "guests/lib/page_table.hpp"

namespace antler::guests {
namespace {

constexpr u64 page_at = 0x3f'c000'0000;  // in Sv39's lower half, far from the machine
constexpr u64 code_at = page_at + 0x1000;
constexpr u64 huge_at = page_at + (2 << 20);
constexpr u64 fetch_access = 1, illegal = 2, load_access = 5, store_access = 7, user_call = 8;
constexpr u64 fetch_page = 12, load_page = 13, store_page = 15;

struct Outcome {
    u64 fetch = no_trap, load = no_trap, store = no_trap;
    friend bool operator==(Outcome const&, Outcome const&) = default;
};

// What three accesses in S-mode end with.  The page holds a `ret`.
[[nodiscard]] Outcome try_all(u64 at) {
    sfence_vma();
    Outcome outcome;
    outcome.load = trap_cause([at] { (void)load<u64>(at); });
    outcome.store = trap_cause([at] { store<u32>(at + 8, 1); });
    outcome.fetch = trap_cause([at] { reinterpret_cast<void (*)()>(at)(); });
    return outcome;
}

void expect(std::string_view what, Outcome found, Outcome wanted) {
    if (found != wanted) say("  fetch {} load {} store {}", found.fetch, found.load, found.store);
    check(what, found == wanted);
}

[[nodiscard]] u64 page_with_ret() {
    auto const page = take_pages(1);
    store<u32>(page, 0x0000'8067);
    fence_i();
    return page;
}

// U-mode loads from, or stores to, an address and calls.
[[nodiscard]] Trap from_user(u64 code, u64 address, u32 instruction) {
    store<u32>(code, instruction);
    store<u32>(code + 4, 0x0000'0073);  // ecall
    fence_i();
    UserRegisters registers{.pc = code_at};
    registers.x(10) = address;
    return run_user(registers);
}

void check_permissions(PageTable& tables) {
    auto const page = page_with_ret();
    auto const set = [&](u64 bits) { tables.map(page_at, page, bits); };
    constexpr u64 ad = pte::a | pte::d | pte::v;
    set(ad | pte::r | pte::w | pte::x);
    expect("a page with R, W, X", try_all(page_at), {no_trap, no_trap, no_trap});
    set(ad | pte::r);
    expect("a page with R", try_all(page_at), {fetch_page, no_trap, store_page});
    set(ad | pte::x);
    expect("a page with X", try_all(page_at), {no_trap, load_page, store_page});
    csr::sstatus::set(sstatus_bit::mxr);
    expect("a page with X, under MXR", try_all(page_at), {no_trap, no_trap, store_page});
    csr::sstatus::clear(sstatus_bit::mxr);
    set(ad | pte::r | pte::w);
    expect("a page with R, W", try_all(page_at), {fetch_page, no_trap, no_trap});
    set(ad | pte::w);
    expect("W without R is reserved", try_all(page_at), {fetch_page, load_page, store_page});
    set(pte::r | pte::w | pte::x);
    expect("a page without V", try_all(page_at), {fetch_page, load_page, store_page});
    set(ad | pte::r | u64{1} << 54);
    expect("a reserved bit", try_all(page_at), {fetch_page, load_page, store_page});
    set(ad | pte::r | pte::w | pte::x | pte::u);
    expect("a user's page", try_all(page_at), {fetch_page, load_page, store_page});
    csr::sstatus::set(sstatus_bit::sum);
    expect("a user's page, under SUM", try_all(page_at), {fetch_page, no_trap, no_trap});
    csr::sstatus::clear(sstatus_bit::sum);
    auto const trap = expect_trap([] { (void)load<u8>(page_at + 5); });
    check("stval has the exact address", trap && trap->tval == page_at + 5);
}

void check_user(PageTable& tables) {
    auto const page = page_with_ret();
    auto const code = take_pages(1);
    tables.map(code_at, code, pte::rwx | pte::u);
    constexpr u32 load_a1 = 0x0005'3583;   // ld a1, 0(a0)
    constexpr u32 store_a1 = 0x00b5'3023;  // sd a1, 0(a0)
    tables.map(page_at, page, pte::rw | pte::u);
    sfence_vma();
    check_equal("a user reads its page", from_user(code, page_at, load_a1).cause, user_call);
    check_equal("and writes it", from_user(code, page_at, store_a1).cause, user_call);
    tables.map(page_at, page, pte::rw);
    sfence_vma();
    auto const trap = from_user(code, page_at, load_a1);
    check("but not the kernel's", trap.cause == load_page && trap.tval == page_at && trap.epc == code_at);
    check_equal("nor writes it", from_user(code, page_at, store_a1).cause, store_page);
    check_equal("a user reads no CSR of the kernel", from_user(code, 0, 0x1400'25f3).cause, illegal);
    check("from user mode, as sstatus.SPP says",
          (from_user(code, 0, 0x1400'25f3).sstatus & sstatus_bit::spp) == 0);
}

void check_accessed_and_dirty(PageTable& tables) {
    auto const page = page_with_ret();
    auto* const entry = tables.slot(page_at, 0);
    tables.map(page_at, page, pte::v | pte::r | pte::w | pte::x);
    auto const first = try_all(page_at);
    if (first == Outcome{fetch_page, load_page, store_page}) {
        say("paging: A and D are the kernel's (Svade)");
        check_equal("a fault leaves the entry alone", *entry & (pte::a | pte::d), 0);
        check("the device tree does not promise Svadu alone",
              !has_extension("svadu") || has_extension("svade"));
    } else {
        say("paging: A and D are the hart's (Svadu)");
        expect("accesses without A and D", first, {no_trap, no_trap, no_trap});
        check_equal("set them", *entry & (pte::a | pte::d), pte::a | pte::d);
        check("the device tree does not promise Svade", !has_extension("svade"));
        return;
    }
    tables.map(page_at, page, pte::v | pte::r | pte::w | pte::x | pte::a);
    expect("without D only a store faults", try_all(page_at), {no_trap, no_trap, store_page});
}

void check_sizes(PageTable& tables) {
    auto const block = take_pages(512, 2 << 20);
    store<u32>(block, 0x0000'8067);
    store<u32>(block + 0x12'3000, 0x0000'8067);
    fence_i();
    tables.map(huge_at, block, pte::rwx, 1);
    expect("a 2 MiB page", try_all(huge_at + 0x12'3000), {no_trap, no_trap, no_trap});
    check_equal("is the same memory", load<u32>(huge_at + 0x12'3008), load<u32>(block + 0x12'3008));
    tables.map(huge_at, block + 0x1000, pte::rwx, 1);
    expect("a misaligned 2 MiB page", try_all(huge_at), {fetch_page, load_page, store_page});
    *tables.slot(huge_at, 1) = 0;
    if (has_extension("svnapot")) {
        // 64 KiB, any sixteenth of which reads as the whole.
        for (u64 i = 0; i < 16; ++i)
            *tables.slot(huge_at + i * page_bytes, 0) = (block >> 12 | 8) << 10 | pte::rwx | pte::n;
        expect("a 64 KiB page (Svnapot)", try_all(huge_at), {no_trap, no_trap, no_trap});
    }
}

// The guest's tables are in its memory; what they point at need not be.
void check_nowhere(PageTable& tables) {
    constexpr u64 far = u64{1} << 38;
    for (u64 const at : {u64{0x1f00'0000}, far}) {
        tables.map(page_at, at, pte::rwx);
        expect("a page of an address where nothing is", try_all(page_at),
               {fetch_access, load_access, store_access});
        auto const trap = expect_trap([] { (void)load<u64>(page_at + 16); });
        check("stval has the virtual address", trap && trap->tval == page_at + 16);
        // A table where nothing is: the access that walks gets the fault.
        *tables.slot(huge_at, 1) = at >> 12 << 10 | pte::v;
        expect("a table where nothing is", try_all(huge_at), {fetch_access, load_access, store_access});
        *tables.slot(huge_at, 1) = 0;
    }
}

void check_mode(PagingMode mode, std::string_view name) {
    PageTable tables{mode};
    tables.map_machine();
    if (!turn_on(tables.satp())) {
        check_equal("a mode that is not there leaves satp alone", csr::satp::read(), 0);
        say("paging: no {}", name);
        return;
    }
    say("paging: {}", name);
    check_permissions(tables);
    check_user(tables);
    check_accessed_and_dirty(tables);
    check_sizes(tables);
    check_nowhere(tables);
    // An address whose upper bits are not copies of its highest.
    auto const bits = 12 + 9 * levels_of(mode);
    expect("an address that is not canonical", try_all(u64{1} << (bits - 1)),
           {fetch_page, load_page, store_page});
    auto const page = page_with_ret();
    auto const top = ~u64{0} << (bits - 1);
    tables.map(top, page, pte::rwx);
    expect("the first page of the upper half", try_all(top), {no_trap, no_trap, no_trap});
    // The same address under two ASIDs.
    PageTable second{mode};
    second.map_machine();
    std::array<u64, 2> const pages{take_pages(1), take_pages(1)};
    store<u64>(pages[0], 11);
    store<u64>(pages[1], 22);
    tables.map(page_at, pages[0], pte::rw);
    second.map(page_at, pages[1], pte::rw);
    sfence_vma();
    u64 wrong = 0;
    for (u64 i = 0; i < 50; ++i) {
        csr::satp::write(tables.satp(1));
        if (load<u64>(page_at) != 11) ++wrong;
        sbi::call(sbi::Eid::base, sbi::BaseFid::get_impl_id);
        csr::satp::write(second.satp(2));
        if (load<u64>(page_at) != 22) ++wrong;
    }
    check_equal("two ASIDs are two address spaces", wrong, 0);
    turn_off_paging();
}

}  // namespace

void run() {
    csr::satp::write(u64{5} << 60 | 1);
    check_equal("a reserved mode leaves satp alone", csr::satp::read(), 0);
    check_mode(PagingMode::sv39, "Sv39");
    check_mode(PagingMode::sv48, "Sv48");
    check_mode(PagingMode::sv57, "Sv57");
}

}  // namespace antler::guests
