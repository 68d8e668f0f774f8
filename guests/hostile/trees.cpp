// Page tables with loops, reserved bits and leaves that lead nowhere, and what is reached through them.
#include "guests/hostile/hostile.hpp"
#include "guests/lib/encode.hpp"
#include "guests/lib/page_table.hpp"

namespace antler::guests::hostile {
namespace {

constexpr std::array paging_modes{PagingMode::sv39, PagingMode::sv48, PagingMode::sv57};
constexpr u64 user_code = 0x4000'0000;  // where U-mode finds the page of code
constexpr u64 few = 8;                  // entries of a table that are used, so that walks meet
constexpr u64 own_gigapage = 2;

// The first tables of the arena: one for each level above Sv39's root, the root, two that lead to the code.
[[nodiscard]] u64 table(Stage const& stage, u64 n) {
    return stage.arena + n * page_bytes;
}
void put(u64 table, u64 index, u64 entry) {
    store<u64>(table + index * 8, entry);
}
[[nodiscard]] constexpr u64 pointer(u64 to) {
    return to >> 12 << 10 | pte::v;
}

// This guest goes on where it is, in S-mode only.
[[nodiscard]] u64 satp_of(Stage const& stage, PagingMode mode, u64 asid) {
    put(table(stage, 0), 0, pointer(table(stage, 1)));
    put(table(stage, 1), 0, pointer(table(stage, 2)));
    put(table(stage, 2), own_gigapage, 0x8000'0000 >> 2 | pte::rwx);
    put(table(stage, 2), 1, pointer(table(stage, 3)));
    put(table(stage, 3), 0, pointer(table(stage, 4)));
    put(table(stage, 4), 0,
        (stage.code.at() & ~u64{0xfff}) >> 2 | pte::v | pte::r | pte::x | pte::u | pte::a);
    auto const root = mode == PagingMode::sv39 ? 2 : mode == PagingMode::sv48 ? 1 : 0;
    return static_cast<u64>(mode) << 60 | asid << 44 | table(stage, root) >> 12;
}

[[nodiscard]] u64 random_entry(Stage& stage) {
    auto& random = stage.random;
    u64 to = 0;
    switch (random.below(8)) {
        case 0: to = stage.device(); break;
        case 1: to = stage.harmless(); break;
        case 2: to = stage.arena; break;  // a large leaf
        case 3: to = stage.ram_end + random.below(0x1000'0000); break;
        case 4: to = random.next() >> 8; break;
        default: to = table(stage, random.below(table_pages)); break;
    }
    auto entry = (to >> 12 & 0xfff'ffff'ffff) << 10;
    if (!random.one_in(16)) entry |= pte::v;
    if (random.one_in(2)) entry |= random.below(256) & 0xfe;
    if (random.one_in(3)) entry |= pte::a | pte::d | pte::r;
    if (random.one_in(8)) entry |= u64{1} << (54 + random.below(10));
    return entry;
}

[[nodiscard]] u64 random_address(Stage& stage, PagingMode mode) {
    auto& random = stage.random;
    if (random.one_in(8)) return stage.evil();
    u64 at = random.one_in(4) ? 0xff8 + random.below(8) : random.below(512) * 8;
    for (unsigned level = 0; level < levels_of(mode); ++level) {
        auto index = random.below(few);
        if (level == 2 && index == own_gigapage) index = 3;  // this guest itself
        at |= index << (12 + 9 * level);
    }
    return at;
}

constexpr std::array accesses{
    encode::load(0),      encode::load(3),      encode::store(0),  encode::store(3),
    encode::amo(0, 3),    encode::amo(2, 3, 0), encode::amo(3, 3), encode::vector(0, 0, false, 0),
    encode::load_float(3)};

}  // namespace

u64 Stage::guard_tables() const {
    constexpr u64 entries = page_bytes / 8;
    constexpr u64 megapage = 2 << 20, gigapage = u64{1} << 30;
    constexpr u64 own = pte::rwx;
    auto const root = take_pages(2);
    auto const second = root + page_bytes;
    for (u64 i = 0; i < entries; ++i) {
        put(root, i, i < entries / 2 ? i * gigapage >> 2 | own | pte::u : 0);
        auto const at = own_gigapage * gigapage + i * megapage;
        put(second, i, at >> 2 | own | (at >= arena && at < arena + arena_bytes ? pte::u : 0));
    }
    put(root, own_gigapage, pointer(second));
    return static_cast<u64>(PagingMode::sv39) << 60 | root >> 12;
}

void build_tree(Stage& stage) {
    auto& random = stage.random;
    for (int i = 0; i < 8; ++i)
        put(table(stage, random.below(table_pages)), random.below(few), random_entry(stage));
    auto const mode = random.one_of(paging_modes);
    auto const satp = satp_of(stage, mode, random.below(4));
    auto const how = stage.mode();
    auto const at = random_address(stage, mode);
    auto const data = random_entry(stage);
    stage.write(how, random.one_of(accesses));
    bool const jumps = random.one_in(8);
    stage.limit_time();
    csr::satp::write(satp);
    if (random.one_in(2)) sfence_vma();
    if (random.one_in(2)) csr::sstatus::set(sstatus_bit::sum);
    if (random.one_in(2)) csr::sstatus::set(sstatus_bit::mxr);
    if (jumps && how == Mode::user) {
        UserRegisters const registers{.pc = at & ~u64{1}};
        (void)run_user(registers);
    } else if (jumps) {
        // What is found there may write any register that a call preserves, so only a page without code.
        (void)expect_trap([&] { (void)load<u8>(at); });
    } else {
        (void)run_code(how, how == Mode::user ? user_code + stage.code.at() % page_bytes : stage.code.at(),
                       {.a0 = at, .a2 = data});
    }
    csr::satp::write(0);
    sfence_vma();
}

}  // namespace antler::guests::hostile
