// The walker against the literal transcription, over millions of random page tables.
#include <gtest/gtest.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "tests/model/isa/walk_comparison.hpp"

namespace antler::isa {
namespace {

struct Random {
    u64 state;
    u64 next() {  // splitmix64
        u64 z = (state += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    bool one_in(u64 n) { return next() % n == 0; }
    u64 below(u64 n) { return next() % n; }
};

// How unkind the tables of one round are: one entry in `faulty` has something wrong with it.
struct Mood {
    u64 faulty;
    u64 missing;  // one page in so many is not there
    bool narrow;  // tables share a handful of pages, so that entries are used twice and marked under the walk
    u64 pointer;  // at levels above 0, this many of 16 entries point on
    u64 unmarked;  // one leaf in so many lacks A or D
    bool g_user;
};

// Memory that invents an entry the first time the literal walk reads it, and remembers words.
class Invented {
public:
    Invented(Random& random, Mood mood) : random_{random}, mood_{mood} {}

    bool exists(u64 at) const {
        if (at >> 56 != 0) return false;
        u64 const page = at >> 12;
        return mood_.missing == 0 || (page * 0x9e3779b97f4a7c15 >> 33) % mood_.missing != 0;
    }
    u64 read(u64 at, int size, bool is_g_stage, int level) {
        bool const known = find(at) != nullptr && (size == 4 || find(at + 4) != nullptr);
        if (!known) invent(at, size, is_g_stage, level);
        return size == 4 ? *find(at) : *find(at) | u64{*find(at + 4)} << 32;
    }
    void write(u64 at, int size, u64 value) {
        put(at, static_cast<u32>(value));
        if (size == 8) put(at + 4, static_cast<u32>(value >> 32));
    }
    u64 page() {
        if (mood_.narrow) return 0x80000 + random_.below(3);
        return random_.one_in(10) ? random_.next() & 0xfff'ffff'ffff : 0x80000 + random_.below(0x100000);
    }

    // For the walker under test.
    std::optional<u32> read32(Hpa at) const {
        if (!exists(at.raw())) return std::nullopt;
        u32 const* const word = find(at.raw());
        if (word == nullptr) return 0;  // the literal walk never came here: the comparison fails
        return *word;
    }
    std::optional<u64> read64(Hpa at) const {
        if (!exists(at.raw())) return std::nullopt;
        u32 const *const low = find(at.raw()), *const high = find(at.raw() + 4);
        if (low == nullptr || high == nullptr) return 0;
        return *low | u64{*high} << 32;
    }
    std::optional<bool> compare_exchange32(Hpa at, u32 from, u32 to) {
        auto const now = read32(at);
        if (!now) return std::nullopt;
        if (*now != from) return false;
        put(at.raw(), to);
        return true;
    }
    std::optional<bool> compare_exchange64(Hpa at, u64 from, u64 to) {
        auto const now = read64(at);
        if (!now) return std::nullopt;
        if (*now != from) return false;
        write(at.raw(), 8, to);
        return true;
    }

    // Everything as it was before anybody wrote.
    void rewind() {
        for (usize i = 0; i < used_; ++i) words_[i].now = words_[i].first;
    }
    bool same_words(Invented const& other) const {
        if (used_ != other.used_) return false;
        for (usize i = 0; i < used_; ++i)
            if (words_[i].at != other.words_[i].at || words_[i].now != other.words_[i].now) return false;
        return true;
    }
    bool changed() const {
        for (usize i = 0; i < used_; ++i)
            if (words_[i].now != words_[i].first) return true;
        return false;
    }

private:
    struct Stored {
        u64 at;
        u32 now, first;
    };
    Stored const* slot(u64 at) const {
        for (usize i = used_; i-- > 0;)
            if (words_[i].at == at) return &words_[i];
        return nullptr;
    }
    u32 const* find(u64 at) const {
        auto const* const s = slot(at);
        return s == nullptr ? nullptr : &s->now;
    }
    void put(u64 at, u32 value) {
        if (auto* const s = const_cast<Stored*>(slot(at))) {
            s->now = value;
            return;
        }
        if (used_ == words_.size()) std::abort();
        words_[used_++] = {at, value, value};
    }
    // Only words nobody has seen yet are invented.
    void invent(u64 at, int size, bool is_g_stage, int level) {
        u64 const entry = invent_entry(size, is_g_stage, level);
        if (find(at) == nullptr) put(at, static_cast<u32>(entry));
        if (size == 8 && find(at + 4) == nullptr) put(at + 4, static_cast<u32>(entry >> 32));
    }
    u64 invent_entry(int size, bool is_g_stage, int level) {
        u64 raw = 1 | page() << 10;
        if (level > 0 && random_.below(16) < mood_.pointer) {
            if (random_.one_in(2)) raw |= 1 << 5;
        } else {
            u64 const per_level = size == 4 ? 10 : 9;
            raw &= ~(((u64{1} << static_cast<u64>(level) * per_level) - 1) << 10);
            constexpr std::array<u64, 8> permissions{0xe, 0xe, 0xe, 0x6, 0xa, 0x2, 0x8, 0xe};
            raw |= permissions[random_.below(mood_.faulty < 20 ? 8 : 5)];
            bool const user = is_g_stage ? mood_.g_user || !random_.one_in(4) : random_.one_in(2);
            if (user) raw |= 1 << 4;
            raw |= 0xc0;
            if (random_.one_in(mood_.unmarked)) raw &= ~u64{0x80};
            if (random_.one_in(mood_.unmarked)) raw &= ~u64{0x40};
            raw |= random_.below(8) << 7 & 0x320;
            if (size == 8 && random_.one_in(6)) raw |= random_.below(3) << 61;
            if (size == 8 && level == 0 && random_.one_in(6))
                raw = (raw & ~u64{0x3c00}) | 0x2000 | u64{1} << 63;
        }
        if (random_.one_in(mood_.faulty)) {
            switch (random_.below(5)) {
                case 0: raw ^= u64{1} << random_.below(64); break;
                case 1: raw &= ~u64{1}; break;
                case 2: raw ^= u64{1} << (1 + random_.below(3)); break;
                case 3: raw ^= u64{1} << (10 + random_.below(9)); break;
                default: raw = random_.next(); break;
            }
        }
        return size == 4 ? raw & 0xffff'ffff : raw;
    }

    Random& random_;
    Mood mood_;
    std::array<Stored, 256> words_;
    usize used_ = 0;
};
static_assert(PhysicalUpdater<Invented> && PhysicalReader<Invented const> &&
              !PhysicalUpdater<Invented const>);

Round invent_round(Random& random, Invented& memory) {
    constexpr std::array modes{0, 32, 39, 48, 57};
    Round r;
    r.machine.two_stages = !random.one_in(4);
    r.machine.first_mode = modes[random.below(5)];
    // RV32 hypervisors have Sv32x4 only; RV64 ones may still run an RV32 guest.
    bool const rv32 = random.one_in(5);
    if (rv32) {
        r.machine.first_mode = random.one_in(4) ? 0 : 32;
        r.machine.g_mode = random.one_in(5) ? 0 : 32;
    } else {
        r.machine.g_mode = modes[random.one_in(6) ? 0 : 2 + random.below(3)];
    }
    u64 const mask = r.machine.first_mode == 32 || rv32 ? 0x3f'ffff : 0xfff'ffff'ffff;
    r.machine.first_ppn = memory.page() & mask;
    r.machine.g_ppn = memory.page() & (rv32 ? 0x3f'ffff : 0xfff'ffff'ffff) & ~u64{3};
    r.machine.first_svade = random.one_in(2);
    r.machine.g_svade = random.one_in(2);
    r.machine.first_svpbmt = !random.one_in(4);
    r.machine.g_svpbmt = !random.one_in(4);
    r.machine.svnapot = !random.one_in(4);
    r.machine.svrsw60t59b = random.one_in(2);

    r.attempt.type = static_cast<literal::AccessType>(random.below(3));
    r.attempt.privilege_is_user = random.one_in(2);
    r.attempt.vsstatus_sum = random.one_in(2);
    r.attempt.vsstatus_mxr = random.one_in(2);
    r.attempt.sstatus_mxr = random.one_in(4);
    r.attempt.hlvx = r.attempt.type == literal::AccessType::load && random.one_in(6);

    r.address = random.next();
    if (r.machine.first_mode == 32 || rv32) {
        r.address &= 0xffff'ffff;
    } else if (r.machine.first_mode != 0 && !random.one_in(32)) {
        auto const unused = static_cast<unsigned>(64 - r.machine.first_mode);
        r.address = static_cast<u64>(static_cast<i64>(r.address << unused) >> unused);
    } else if (r.machine.first_mode == 0 && r.machine.g_mode != 0 && !random.one_in(16)) {
        r.address &= (u64{1} << (r.machine.g_mode + 2)) - 1;
    } else if (r.machine.first_mode == 0) {
        r.address &= 0xff'ffff'ffff'ffff;
    }
    return r;
}

char const* name_of(Walk const& w) {
    if (std::holds_alternative<Leaf>(w)) return "leaf";
    auto const& f = *std::get_if<WalkFault>(&w);
    switch (f.kind) {
        case WalkFault::Kind::page_fault: return "page fault";
        case WalkFault::Kind::guest_page_fault: return "guest-page fault";
        case WalkFault::Kind::guest_page_fault_on_tables:
            return f.writing_tables ? "guest-page fault marking a table" : "guest-page fault reading a table";
        case WalkFault::Kind::access_fault: return "access fault";
        case WalkFault::Kind::contended: return "contended";
    }
    return "";
}

u64 rounds() {
    auto const* const wanted = std::getenv("ANTLER_MODEL_ROUNDS");
    return wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : 4'000'000;
}

TEST(Walker, AgreesWithTheManualOverAllTables) {
    RecordProperty(
        "rules",
        "norm:H_vm_twostage norm:H_vm_gstagetrans norm:H_vm_gpatrans norm:H_vm_gpapriv norm:H_vm_gpa_g "
        "norm:H_guest_page_fault norm:hgatp_mode_bare_trans norm:hgatp_mode_x4 norm:hgatp_mode_sv32x4 "
        "norm:hgatp_mode_sv39x4 norm:hgatp_mode_sv48x4 norm:hgatp_mode_sv57x4 norm:vsstatus_mxr_vm "
        "norm:sstatus_mxr_vm norm:hlsv_u_op norm:hlsv_trans norm:hlsv_sstatus_mxr norm:hlsv_vsstatus_mxr "
        "norm:henvcfg_adue_op norm:henvcfg_pbmte_op norm:vsstatus_v0 norm:H_exception_priority "
        "norm:Sv39_va_signext norm:Sv48_va_signext norm:Sv57_va_signext norm:Sv39_superpage_align_fault "
        "norm:Svnapot_reserved_encoding_fault norm:Svnapot_implicit_read_ppn_subst norm:Svnapot_hyp_gstage "
        "norm:Svpbmt_nonleaf_pte_pbmt_must_be_zero norm:Svpbmt_leaf_pte_pbmt_reserved_3_fault "
        "norm:Svpbmt_hgatp_stage_override_rule norm:Svpbmt_vsatp_stage_override_rule "
        "norm:svade_access_ad_bit_clear norm:Svadu_hw_update_a_d_bits");
    constexpr std::array moods{
        Mood{1'000'000, 0, false, 10, 1000, true},
        Mood{60, 0, false, 9, 20, true},
        Mood{60, 150, false, 8, 3, true},
        Mood{12, 60, false, 10, 4, false},
        Mood{40, 0, true, 9, 2, true},
        Mood{15, 200, true, 11, 2, false},
    };
    std::map<std::string, u64> outcomes, shapes;
    u64 marked = 0;
    u64 const total = rounds();
    for (u64 round = 0; round < total; ++round) {
        Random random{round * 0x1000'0001 + 7};
        Mood const mood = moods[round % moods.size()];
        Invented memory{random, mood};
        Round const r = invent_round(random, memory);

        auto const want = literal::Translation<Invented>{memory, r.machine, r.attempt}.translate(r.address);
        Invented mine = memory;
        mine.rewind();
        Invented const untouched = mine;
        Walk const got = walk(mine, r);
        auto why = difference(got, want, r);
        if (why.empty() && !mine.same_words(memory)) why = "the tables are marked differently";

        // Without a way to write, the answer is the same, and a leaf says that marks are owed.
        if (why.empty() && !mood.narrow) {
            Walk const looking = walk(untouched, r);
            why = difference(looking, want, r);
            auto const* const leaf = std::get_if<Leaf>(&looking);
            if (why.empty() && leaf != nullptr && leaf->owes_updates != memory.changed())
                why = "owed marks are not told";
        }
        ASSERT_EQ(why, "") << "round " << round << ": first stage Sv" << r.machine.first_mode << ", G-stage "
                           << (r.machine.two_stages ? r.machine.g_mode : -1) << ", address " << std::hex
                           << r.address;

        ++outcomes[name_of(got)];
        marked += memory.changed();
        if (std::holds_alternative<Leaf>(got))
            ++shapes["Sv" + std::to_string(r.machine.first_mode) +
                     (r.machine.two_stages ? " under Sv" + std::to_string(r.machine.g_mode) + "x4"
                                           : " alone")];
    }
    std::printf("%" PRIu64 " walks, %" PRIu64 " of them marked entries:\n", total, marked);
    for (auto const& [name, count] : outcomes)
        std::printf("  %9" PRIu64 "  %5.2f %%  %s\n", count,
                    100.0 * static_cast<double>(count) / static_cast<double>(total), name.c_str());
    std::printf("leaves by shape:\n");
    for (auto const& [name, count] : shapes) std::printf("  %9" PRIu64 "  %s\n", count, name.c_str());

    // The comparison is worth something only if every answer is common.
    if (total >= 1'000'000) {
        for (auto const* const name :
             {"leaf", "page fault", "guest-page fault", "guest-page fault marking a table",
              "guest-page fault reading a table", "access fault"})
            EXPECT_GT(outcomes[name], total / 500) << name;
        EXPECT_EQ(outcomes["contended"], 0u);
        EXPECT_GT(marked, total / 20);
    }
}

}  // namespace
}  // namespace antler::isa
