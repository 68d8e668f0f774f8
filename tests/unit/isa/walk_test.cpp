// The walker on small tables made by hand: each kind of answer once, for both widths.
#include "isa/walk.hpp"

#include <gtest/gtest.h>

#include <map>

namespace antler::isa {
namespace {

// Words of physical memory; what was never written is not there.
class Words {
public:
    void put(u64 at, Pte entry, unsigned bytes) {
        words_[at] = static_cast<u32>(entry.raw);
        if (bytes == 8) words_[at + 4] = static_cast<u32>(entry.raw >> 32);
    }
    std::optional<u32> read32(Hpa at) const {
        auto const found = words_.find(at.raw());
        if (found == words_.end()) return std::nullopt;
        return found->second;
    }
    std::optional<u64> read64(Hpa at) const {
        auto const low = read32(at), high = read32(at + 4);
        if (!low || !high) return std::nullopt;
        return *low | u64{*high} << 32;
    }

private:
    std::map<u64, u32> words_;
};

// The same, writable; `stubborn` entries are changed by somebody else each time.
class Writable : public Words {
public:
    std::optional<bool> compare_exchange32(Hpa at, u32 from, u32 to) { return exchange(at, from, to, 4); }
    std::optional<bool> compare_exchange64(Hpa at, u64 from, u64 to) { return exchange(at, from, to, 8); }
    unsigned others = 0;  // how many times somebody is faster
    unsigned attempts = 0;

private:
    std::optional<bool> exchange(Hpa at, u64 from, u64 to, unsigned bytes) {
        ++attempts;
        if (others != 0) {
            --others;
            return false;
        }
        auto const now = bytes == 4 ? std::optional<u64>{read32(at)} : read64(at);
        if (!now) return std::nullopt;
        if (*now != from) return false;
        put(at.raw(), Pte{to}, bytes);
        return true;
    }
};

constexpr Permissions rwx = Permissions::all();

template <class Shape>
class Walking : public testing::Test {
protected:
    static constexpr Scheme first = Shape::first, second = Shape::second;
    static constexpr u64 g_root = 0x9000'0000, vs_root = 0x8010'0000;  // the latter guest physical
    static constexpr u64 page = 0x8020'0000;                           // guest physical
    static constexpr u64 host_offset = 0x1000'0000;                    // guest physical + this = physical
    static constexpr u64 va = 0x0040'3000;

    Walking() {
        map_g(vs_root, leaf_g());
        for (u64 i = 1; i <= 4; ++i) map_g(vs_root + i * 0x1000, leaf_g());
        map_g(page, leaf_g());
        map_vs(Pte::leaf(Gpa{page}, {.may = rwx, .user = true}));
    }

    static Pte::Leaf leaf_g() { return {.may = rwx, .user = true}; }

    // One 4 KiB page of guest physical memory at the fixed offset, in tables of their own.
    void map_g(u64 gpa, Pte::Leaf how) {
        u64 table = g_root;
        for (unsigned level = second.root_level(); level > 0; --level) {
            u64 const next = 0x9100'0000 + level * 0x1000;  // every address here shares its upper tables
            memory.put(table + second.index(gpa, level) * second.entry_bytes, Pte::table(Hpa{next}),
                       second.entry_bytes);
            table = next;
        }
        memory.put(table + second.index(gpa, 0) * second.entry_bytes, Pte::leaf(Hpa{gpa + host_offset}, how),
                   second.entry_bytes);
    }
    // The guest's tables lie at vs_root, vs_root + 4 KiB, ... and map `va`.
    void map_vs(Pte leaf) {
        u64 table = vs_root;
        for (unsigned level = first.root_level(); level > 0; --level) {
            put_vs(table + first.index(va, level) * first.entry_bytes, Pte::table(Gpa{table + 0x1000}));
            table += 0x1000;
        }
        put_vs(leaf_at(), leaf);
    }
    void put_vs(u64 gpa, Pte entry) { memory.put(gpa + host_offset, entry, first.entry_bytes); }
    static u64 leaf_at() {
        return vs_root + first.root_level() * 0x1000 + first.index(va, 0) * first.entry_bytes;
    }

    Walk go(Request r, u64 address = va + 0x123) {
        return walk_two_stages(memory, vs(), g(), Gva{address}, r);
    }
    Walk look(Request r) {
        Words const& words = memory;
        return walk_two_stages(words, vs(), g(), Gva{va}, r);
    }
    Stage vs() const { return {first, vs_root, ext, vs_updates}; }
    Stage g() const { return {second, g_root, ext, g_updates}; }

    static WalkFault fault(Walk const& w) {
        auto const* const f = std::get_if<WalkFault>(&w);
        EXPECT_NE(f, nullptr) << "a leaf was reached";
        return f == nullptr ? WalkFault{} : *f;
    }
    static Leaf leaf(Walk const& w) {
        auto const* const l = std::get_if<Leaf>(&w);
        EXPECT_NE(l, nullptr) << "a fault was raised";
        return l == nullptr ? Leaf{} : *l;
    }

    Writable memory;
    PteExtensions ext{};
    bool vs_updates = false, g_updates = false;
};

struct Rv32 {
    static constexpr Scheme first = sv32, second = sv32x4;
};
struct Rv64 {
    static constexpr Scheme first = sv39, second = sv39x4;
};
struct NarrowGuest {
    static constexpr Scheme first = sv32, second = sv48x4;
};
struct Widest {
    static constexpr Scheme first = sv57, second = sv57x4;
};
using Shapes = testing::Types<Rv32, Rv64, NarrowGuest, Widest>;
TYPED_TEST_SUITE(Walking, Shapes);

using Kind = WalkFault::Kind;

TYPED_TEST(Walking, ReachesThePageThroughBothStages) {
    this->RecordProperty("rules", "norm:H_vm_twostage norm:H_vm_gstagetrans norm:H_vm_gpatrans");
    auto const leaf = this->leaf(this->go({.access = Access::load, .user = true}));
    EXPECT_EQ(leaf.guest, Gpa{this->page + 0x123});
    EXPECT_EQ(leaf.physical, Hpa{this->page + this->host_offset + 0x123});
    EXPECT_EQ(leaf.bytes, 4096u);
    EXPECT_EQ(leaf.may, rwx);
    EXPECT_TRUE(leaf.user && leaf.dirty && !leaf.owes_updates);
}

TYPED_TEST(Walking, StopsAtTheGuestsOwnMissingPage) {
    this->put_vs(this->leaf_at(), Pte{});
    auto const fault = this->fault(this->go({.access = Access::store, .user = true}));
    EXPECT_EQ(fault.kind, Kind::page_fault);
    EXPECT_EQ(fault.exception(), Exception::store_page_fault);
    EXPECT_EQ(fault.htinst(), 0u);
}

TYPED_TEST(Walking, TellsAGuestPageFaultOnTheAccess) {
    this->RecordProperty("rules", "norm:H_guest_page_fault norm:htval_trapval norm:mtval2_htval_virtaddr");
    this->map_vs(Pte::leaf(Gpa{0x8021'0000}, {.may = rwx, .user = true}));
    auto const fault = this->fault(this->go({.access = Access::fetch, .user = true}));
    EXPECT_EQ(fault.kind, Kind::access_fault);  // G-stage tables end where no memory is
    this->map_g(0x8021'0000, {.may = {true, false, false}, .user = true});
    auto const refused = this->fault(this->go({.access = Access::fetch, .user = true}));
    EXPECT_EQ(refused.kind, Kind::guest_page_fault);
    EXPECT_EQ(refused.where, Gpa{0x8021'0123});
    EXPECT_EQ(refused.htval(), 0x8021'0123u >> 2);
    EXPECT_EQ(refused.exception(), Exception::fetch_guest_page_fault);
}

TYPED_TEST(Walking, TellsAGuestPageFaultOnATable) {
    this->RecordProperty("rules", "norm:H_vm_gpapriv norm:H_trap_xtinst_guestpage");
    u64 const table = this->leaf_at() & ~u64{0xfff};
    this->map_g(table, {.may = {false, false, true}, .user = true});  // MXR does not make tables readable
    auto const fault =
        this->fault(this->go({.access = Access::store, .user = true, .mxr = true, .mxr_of_hs = true}));
    EXPECT_EQ(fault.kind, Kind::guest_page_fault_on_tables);
    EXPECT_EQ(fault.where, Gpa{this->leaf_at()});
    EXPECT_FALSE(fault.writing_tables);
    EXPECT_EQ(fault.exception(), Exception::store_guest_page_fault);  // the original access
    EXPECT_EQ(fault.htinst(), TestFixture::first.entry_bytes == 4 ? 0x2000u : 0x3000u);
}

TYPED_TEST(Walking, NeedsAUserEntryInStageTwo) {
    this->RecordProperty("rules", "norm:H_vm_gpapriv norm:H_vm_gpatrans");
    this->map_g(this->page, {.may = rwx, .user = false});
    EXPECT_EQ(this->fault(this->go({.access = Access::load, .user = true})).kind, Kind::guest_page_fault);
}

TYPED_TEST(Walking, KeepsUserAndSupervisorApart) {
    this->RecordProperty("rules", "norm:sstatus_sum norm:fetch_page_fault_no_x");
    auto const ok = [&](Request r) { return std::holds_alternative<Leaf>(this->go(r)); };
    EXPECT_FALSE(ok({.access = Access::load}));
    EXPECT_TRUE(ok({.access = Access::load, .sum = true}));
    EXPECT_TRUE(ok({.access = Access::store, .sum = true}));
    EXPECT_FALSE(ok({.access = Access::fetch, .sum = true}));
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = rwx}));
    EXPECT_TRUE(ok({.access = Access::fetch}));
    EXPECT_FALSE(ok({.access = Access::load, .user = true}));
}

TYPED_TEST(Walking, ReadsExecutableMemoryOnlyWhereMxrReaches) {
    this->RecordProperty("rules",
                         "norm:vsstatus_mxr_vm norm:sstatus_mxr_vm norm:hlsv_u_op norm:hlsv_sstatus_mxr "
                         "norm:hlsv_vsstatus_mxr norm:load_page_fault_no_r");
    auto const kind = [&](Request r) -> std::optional<Kind> {
        auto const w = this->go(r);
        if (auto const* const f = std::get_if<WalkFault>(&w)) return f->kind;
        return std::nullopt;
    };
    Permissions const x{false, false, true};
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = x, .user = true}));
    EXPECT_EQ(kind({.access = Access::load, .user = true}), Kind::page_fault);
    EXPECT_EQ(kind({.access = Access::load, .user = true, .mxr = true}), std::nullopt);
    EXPECT_EQ(kind({.access = Access::load, .user = true, .mxr_of_hs = true}), std::nullopt);
    EXPECT_EQ(kind({.access = Access::load, .user = true, .execute_to_read = true}), std::nullopt);
    this->map_g(this->page, {.may = x, .user = true});
    EXPECT_EQ(kind({.access = Access::load, .user = true, .mxr = true}), Kind::guest_page_fault);
    EXPECT_EQ(kind({.access = Access::load, .user = true, .mxr_of_hs = true}), std::nullopt);
    EXPECT_EQ(kind({.access = Access::load, .user = true, .execute_to_read = true}), std::nullopt);
    this->map_g(this->page, {.may = {true, true, false}, .user = true});
    EXPECT_EQ(kind({.access = Access::load, .user = true, .execute_to_read = true}), Kind::guest_page_fault);
}

TYPED_TEST(Walking, MergesPermissionsAsACeiling) {
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = {true, true, false}, .user = true}));
    this->map_g(this->page, {.may = {true, false, true}, .user = true});
    auto const leaf = this->leaf(this->go({.access = Access::load, .user = true}));
    EXPECT_EQ(leaf.may, (Permissions{true, false, false}));
    EXPECT_EQ(leaf.vs_may, (Permissions{true, true, false}));
    EXPECT_EQ(leaf.g_may, (Permissions{true, false, true}));
}

TYPED_TEST(Walking, FaultsForMissingMarksWithoutSvadu) {
    this->RecordProperty("rules", "norm:svade_access_ad_bit_clear norm:henvcfg_adue_op");
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = rwx, .user = true, .accessed = false}));
    EXPECT_EQ(this->fault(this->go({.access = Access::load, .user = true})).kind, Kind::page_fault);
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = rwx, .user = true, .dirty = false}));
    EXPECT_FALSE(this->leaf(this->go({.access = Access::load, .user = true})).dirty);
    EXPECT_EQ(this->fault(this->go({.access = Access::store, .user = true})).kind, Kind::page_fault);
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = rwx, .user = true}));
    this->map_g(this->page, {.may = rwx, .user = true, .dirty = false});
    EXPECT_EQ(this->fault(this->go({.access = Access::store, .user = true})).kind, Kind::guest_page_fault);
    EXPECT_EQ(this->memory.attempts, 0u);
}

TYPED_TEST(Walking, MarksEntriesWithSvadu) {
    this->RecordProperty("rules", "norm:Svadu_hw_update_a_d_bits norm:henvcfg_adue_op");
    this->vs_updates = true;
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = rwx, .user = true, .accessed = false, .dirty = false}));
    auto const before = this->look({.access = Access::store, .user = true});
    EXPECT_TRUE(this->leaf(before).owes_updates);
    EXPECT_EQ(this->memory.attempts, 0u);
    EXPECT_TRUE(this->leaf(this->go({.access = Access::store, .user = true})).dirty);
    EXPECT_EQ(this->memory.attempts, 1u);
    auto const stored = this->memory.read32(Hpa{this->leaf_at() + this->host_offset});
    EXPECT_EQ(stored.value_or(0) & 0xc0, 0xc0u);
    EXPECT_FALSE(this->leaf(this->look({.access = Access::store, .user = true})).owes_updates);
}

TYPED_TEST(Walking, TellsAGuestPageFaultOnMarkingATable) {
    this->RecordProperty("rules", "norm:H_trap_xtinst_guestpage_rw norm:H_vm_gpapriv");
    this->vs_updates = true;
    this->map_vs(Pte::leaf(Gpa{this->page}, {.may = rwx, .user = true, .accessed = false}));
    this->map_g(this->leaf_at() & ~u64{0xfff}, {.may = {true, false, false}, .user = true});
    auto const fault = this->fault(this->go({.access = Access::load, .user = true}));
    EXPECT_EQ(fault.kind, Kind::guest_page_fault_on_tables);
    EXPECT_TRUE(fault.writing_tables);
    EXPECT_EQ(fault.exception(), Exception::load_guest_page_fault);
    EXPECT_EQ(fault.htinst(), TestFixture::first.entry_bytes == 4 ? 0x2020u : 0x3020u);
}

TYPED_TEST(Walking, TriesAgainWhenAnEntryChangesButNotForEver) {
    this->vs_updates = true;
    auto const unmarked = Pte::leaf(Gpa{this->page}, {.may = rwx, .user = true, .accessed = false});
    this->map_vs(unmarked);
    this->memory.others = 3;
    EXPECT_TRUE(std::holds_alternative<Leaf>(this->go({.access = Access::load, .user = true})));
    EXPECT_EQ(this->memory.attempts, 4u);
    this->map_vs(unmarked);
    this->memory.others = 1000;
    EXPECT_EQ(this->fault(this->go({.access = Access::load, .user = true})).kind, Kind::contended);
    EXPECT_LT(this->memory.attempts, 100u);
}

TYPED_TEST(Walking, GoesThroughOneStageAlone) {
    this->RecordProperty("rules", "norm:hgatp_mode_bare_trans");
    Request const r{.access = Access::load, .user = true};
    auto const direct = this->leaf(walk_g_stage(this->memory, this->g(), Gpa{this->page + 8}, r));
    EXPECT_EQ(direct.physical, Hpa{this->page + this->host_offset + 8});
    EXPECT_EQ(direct.guest, Gpa{this->page + 8});
    Stage one = this->vs();
    one.root += this->host_offset;
    // The tables are read where they lie, so the second one is not where the first one says.
    EXPECT_EQ(this->fault(walk_one_stage(this->memory, one, Gva{this->va}, r)).kind, Kind::access_fault);
    auto const bare = this->leaf(walk_two_stages(this->memory, Stage{}, Stage{}, Gva{this->va}, r));
    EXPECT_EQ(bare.physical, Hpa{this->va});
    EXPECT_EQ(bare.may, rwx);
}

TEST(WalkingWide, GivesLargeAndNapotLeavesTheirSize) {
    RecordProperty("rules",
                   "norm:Svnapot_hyp_gstage norm:Sv39_page_sizes norm:Svnapot_implicit_read_ppn_subst");
    Writable memory;
    u64 const root = 0x9000'0000, middle = 0x9100'0000, low = 0x9200'0000;
    memory.put(root + 2 * 8, Pte::table(Hpa{middle}), 8);
    memory.put(root + 3 * 8, Pte::leaf(Hpa{0x1'4000'0000}, {.may = rwx, .user = true}), 8);
    memory.put(middle, Pte::leaf(Hpa{0x1'0020'0000}, {.may = rwx, .user = true, .type = MemoryType::io}), 8);
    memory.put(middle + 8, Pte::table(Hpa{low}), 8);
    for (u64 i = 0; i < 16; ++i)
        memory.put(low + i * 8, Pte::napot(Hpa{0x1'1001'0000}, {.may = rwx, .user = true}), 8);
    Stage const g{sv39x4, root, {.svnapot = true, .svpbmt = true}, false};
    auto const at = [&](u64 gpa) {
        return std::get<Leaf>(walk_g_stage(memory, g, Gpa{gpa}, {.access = Access::store, .user = true}));
    };
    EXPECT_EQ(at(0xc123'4567).physical, Hpa{0x1'4123'4567});
    EXPECT_EQ(at(0xc123'4567).bytes, u64{1} << 30);
    EXPECT_EQ(at(0x8012'3456).physical, Hpa{0x1'0032'3456});
    EXPECT_EQ(at(0x8012'3456).bytes, u64{2} << 20);
    EXPECT_EQ(at(0x8012'3456).type, MemoryType::io);
    EXPECT_EQ(at(0x8020'5678).physical, Hpa{0x1'1001'5678});
    EXPECT_EQ(at(0x8020'5678).bytes, 65536u);
}

TEST(WalkingWide, RefusesAddressesThatAreTooLong) {
    RecordProperty("rules", "norm:Sv39_va_signext norm:hgatp_mode_sv39x4");
    Writable memory;
    Request const r{.access = Access::load};
    auto const first =
        walk_two_stages(memory, Stage{sv39, 0, {}, false}, Stage{sv39x4, 0, {}, false}, Gva{u64{1} << 39}, r);
    EXPECT_EQ(std::get<WalkFault>(first).kind, Kind::page_fault);
    auto const second = walk_g_stage(memory, Stage{sv39x4, 0, {}, false}, Gpa{u64{1} << 41}, r);
    EXPECT_EQ(std::get<WalkFault>(second).kind, Kind::guest_page_fault);
    EXPECT_EQ(std::get<WalkFault>(second).where, Gpa{u64{1} << 41});
}

TEST(WalkingStages, ComeFromTheRegisters) {
    RecordProperty(
        "rules",
        "norm:henvcfg_pbmte_op norm:henvcfg_adue_op norm:Svadu_disabled_hw_update_falls_back_to_svade");
    auto const f = Features::all();
    auto const vs =
        vs_stage(Vsatp::of(StageMode::sv48, 3, Gpa{0x8000'1000}), with<Henvcfg::adue>(Henvcfg{}, true), f);
    EXPECT_EQ(vs.scheme, sv48);
    EXPECT_EQ(vs.root, 0x8000'1000u);
    EXPECT_TRUE(vs.updates && !vs.extensions.svpbmt && vs.extensions.svnapot);
    EXPECT_TRUE(vs_stage(Vsatp{}, with<Henvcfg::pbmte>(Henvcfg{}, true), f).extensions.svpbmt);
    auto const g = g_stage(HgatpOf<Xlen::rv32>::of(GStageMode::sv32x4, 1, Hpa{0x2'0000'4000}), f, false);
    EXPECT_EQ(g.scheme, sv32x4);
    EXPECT_EQ(g.root, 0x2'0000'4000u);
    EXPECT_EQ(one_stage(Satp{}, f, true).scheme, std::nullopt);
    auto const r = guest_request(Access::load, false, Vsstatus{1u << 18}, Sstatus{1u << 19});
    EXPECT_TRUE(r.sum && !r.mxr && r.mxr_of_hs && !r.user);
}

// The whole walker runs in a constant expression.
struct OneEntry {
    u64 entry;
    constexpr std::optional<u32> read32(Hpa) const { return std::nullopt; }
    constexpr std::optional<u64> read64(Hpa) const { return entry; }
};
constexpr OneEntry giant{Pte::leaf(Hpa{0x8000'0000}, {.may = rwx, .user = true}).raw};
static_assert(std::get<Leaf>(walk_g_stage(giant, Stage{sv39x4, 0, {}, false}, Gpa{0x1234},
                                          {.access = Access::load}))
                  .physical == Hpa{0x8000'1234});

}  // namespace
}  // namespace antler::isa
