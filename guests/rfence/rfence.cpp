// Remote fences really flush: one hart keeps reading a page while another moves it, and never sees the old
// one.
#include "guests/lib/page_table.hpp"

namespace antler::guests {
namespace {

constexpr u64 patience = 20'000;
constexpr u64 window =
    0x40'0000'0000 - (4 << 20);  // in the last GiB of Sv39's lower half; nothing else is there
constexpr u64 other_page = window + page_bytes;
constexpr u64 code_page = window + 2 * page_bytes;
constexpr u64 asid = 5;

struct Reader {
    u64 satp = 0;
    u64 address = 0;
    bool calls_code = false;
    std::atomic<u64> turns = 0;
    std::atomic<u64> value = 0;
    std::atomic<u64> leave = 0;
    std::atomic<u64> hold = 0;  // asks the reader to keep away from the code
    std::atomic<u64> held = 0;
};

// Never exits on its own: only a fence from outside makes it forget.
void read_for_ever(void* argument) {
    auto& reader = *static_cast<Reader*>(argument);
    csr::satp::write(reader.satp);
    sfence_vma();
    while (reader.leave == 0) {
        reader.held = reader.hold.load();
        if (reader.held != 0) continue;
        u64 seen = 0;
        if (reader.calls_code) {
            seen = reinterpret_cast<u64 (*)()>(reader.address)();
        } else {
            seen = load<u64>(reader.address);
        }
        reader.value.store(seen, std::memory_order_relaxed);
        reader.turns.fetch_add(1, std::memory_order_release);
    }
    turn_off_paging();
}

// What the reader sees in a read that began after now.
[[nodiscard]] u64 next_seen(Reader& reader) {
    auto const before = reader.turns.load();
    if (!within(patience, [&] { return reader.turns >= before + 2; })) give_up("the reader stands still");
    return reader.value.load();
}

enum class Kind : u8 { page, two_pages, everything, all_ones, with_asid, everybody };

[[nodiscard]] sbi::Return fence(Kind kind, u64 hart, u64 address) {
    using sbi::Eid;
    using sbi::RfenceFid;
    auto const vma = [&](u64 mask, u64 base, u64 start, u64 size) {
        return sbi::remote_sfence(mask, base, start, size);
    };
    switch (kind) {
        case Kind::page: return vma(1, hart, address, page_bytes);
        case Kind::two_pages: return vma(1, hart, address - page_bytes, 2 * page_bytes);
        case Kind::everything: return vma(1, hart, 0, 0);
        case Kind::all_ones: return vma(1, hart, address, ~u64{0});
        case Kind::everybody: return vma(0, ~u64{0}, address, page_bytes);
        case Kind::with_asid:
            return sbi::call(Eid::rfence, RfenceFid::remote_sfence_vma_asid, 1, hart, address, page_bytes,
                             asid);
    }
    return {};
}

[[nodiscard]] std::string_view name(Kind kind) {
    switch (kind) {
        case Kind::page: return "remote sfence.vma of a page";
        case Kind::two_pages: return "remote sfence.vma of two pages";
        case Kind::everything: return "remote sfence.vma of everything";
        case Kind::all_ones: return "remote sfence.vma with a size of all ones";
        case Kind::everybody: return "remote sfence.vma on all harts";
        case Kind::with_asid: return "remote sfence.vma of a page and an ASID";
    }
    return {};
}

void join(Reader& reader, u64 hart) {
    reader.leave = 1;
    if (!reaches(hart, sbi::HartState::stopped, patience)) give_up("the reader does not stop");
}

void move_a_page(u64 hart) {
    PageTable tables{PagingMode::sv39};
    tables.map_machine();
    std::array<u64, 2> const frames{take_pages(1), take_pages(1)};
    store<u64>(frames[0], 100);
    store<u64>(frames[1], 101);
    tables.map(window, frames[0], pte::rw);
    tables.map(other_page, frames[0], pte::rw);
    for (auto const kind :
         {Kind::page, Kind::two_pages, Kind::everything, Kind::all_ones, Kind::with_asid, Kind::everybody}) {
        auto const address = kind == Kind::two_pages ? other_page : window;
        tables.map(address, frames[0], pte::rw);
        Reader reader{.satp = tables.satp(kind == Kind::with_asid ? asid : 0), .address = address};
        start_hart(hart, read_for_ever, &reader);
        u64 stale = next_seen(reader) == 100 ? 0 : 1;
        u64 refused = 0;
        for (u64 i = 1; i <= 100; ++i) {
            tables.map(address, frames[i % 2], pte::rw);
            asm volatile("fence rw, rw" ::: "memory");
            if (fence(kind, hart, address).status != sbi::Status::success) ++refused;
            if (next_seen(reader) != 100 + i % 2) ++stale;
        }
        join(reader, hart);
        check_equal(name(kind), stale + refused, 0);
    }
}

// Code changes that a hart ran a moment ago.
void change_code(u64 hart) {
    PageTable tables{PagingMode::sv39};
    tables.map_machine();
    auto const frame = take_pages(1);
    tables.map(code_page, frame, pte::rwx);
    auto const write_code = [frame](u32 answer) {
        store<u32>(frame, 0x0000'0513 | answer << 20);  // li a0, answer
        store<u32>(frame + 4, 0x0000'8067);             // ret
        asm volatile("fence rw, rw" ::: "memory");
    };
    write_code(0);
    fence_i();
    Reader reader{.satp = tables.satp(), .address = code_page, .calls_code = true};
    start_hart(hart, read_for_ever, &reader);
    u64 stale = next_seen(reader) == 0 ? 0 : 1;
    for (u32 i = 1; i <= 100; ++i) {
        // As kernels do it: nobody runs code while it changes (and QEMU would not notice every change).
        reader.hold = 1;
        if (!within(patience, [&] { return reader.held == 1; })) give_up("the reader does not hold");
        write_code(i);
        fence_i();
        if (sbi::call(sbi::Eid::rfence, sbi::RfenceFid::remote_fence_i, 1, hart).status !=
            sbi::Status::success)
            ++stale;
        reader.hold = 0;
        if (next_seen(reader) != i) ++stale;
    }
    join(reader, hart);
    check_equal("remote fence.i", stale, 0);
}

void check_errors() {
    if (!sbi::by_antler()) return;  // OpenSBI passes over harts that are not there
    auto const invalid = static_cast<u64>(static_cast<i64>(sbi::Status::invalid_param));
    check_equal("a fence for nobody there", static_cast<u64>(sbi::remote_sfence(1, 4000, 0, 0).status),
                invalid);
    auto const not_supported = static_cast<u64>(static_cast<i64>(sbi::Status::not_supported));
    for (u64 function = 3; function <= 7; ++function)
        check_equal("hypervisor fences are not for a guest without H",
                    static_cast<u64>(sbi::call(static_cast<u64>(sbi::Eid::rfence), function, 1, 0).status),
                    not_supported);
}

}  // namespace

void run() {
    check_errors();
    check_equal("a fence for oneself", static_cast<u64>(sbi::remote_sfence(1, this_hart().id, 0, 0).status),
                0);
    check_equal("a fence for no hart", static_cast<u64>(sbi::remote_sfence(0, 0, 0, 0).status), 0);
    if (guest().hart_count < 2) {
        say("rfence: one hart, nobody to fence");
        return;
    }
    for (u64 hart = 0; hart < guest().hart_count && hart < 4; ++hart) {
        if (hart == this_hart().id) continue;
        move_a_page(hart);
        change_code(hart);
    }
}

}  // namespace antler::guests
