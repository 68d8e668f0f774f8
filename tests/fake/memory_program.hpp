// Random programs of a page-table tree against a map of intervals; models and fuzzers feed the choices.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/units.hpp"
#include "memory/tree.hpp"
#include "tests/fake/memory.hpp"

namespace antler::fake {

// Where choices come from: a number below `limit`, which is not zero.
class Choices {
public:
    virtual ~Choices() = default;
    virtual u64 below(u64 limit) = 0;
    [[nodiscard]] virtual bool exhausted() const { return false; }
};

class RandomChoices final : public Choices {
public:
    explicit RandomChoices(u64 seed) : state_{seed * 2 + 1} {}
    u64 below(u64 limit) override {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return (state_ * 0x2545'f491'4f6c'dd1d >> 11) % limit;
    }

private:
    u64 state_;
};

class ByteChoices final : public Choices {
public:
    ByteChoices(u8 const* bytes, usize count) : bytes_{bytes}, left_{count} {}
    u64 below(u64 limit) override {
        u64 value = 0;
        for (u64 reach = 1; reach < limit && left_ != 0; reach <<= 8, --left_) value = value << 8 | *bytes_++;
        return value % limit;
    }
    [[nodiscard]] bool exhausted() const override { return left_ == 0; }

private:
    u8 const* bytes_;
    usize left_;
};

inline void demand(bool condition, char const* what, u64 where) {
    if (condition) return;
    std::fprintf(stderr, "the tree and the model disagree: %s (%#llx)\n", what,
                 static_cast<unsigned long long>(where));
    std::abort();
}

template <isa::Xlen X>
class TreeProgram {
public:
    TreeProgram(isa::Scheme scheme, bool napot, Choices& choices)
        : choices_{choices}, before_{board_.frames.totals().free_guest_bytes} {
        auto const made = tree_.create(board_.frames, owner,
                                       {.scheme = scheme,
                                        .extensions = {.svnapot = napot, .svpbmt = X == isa::Xlen::rv64},
                                        .user = true});
        demand(made.ok(), "the root cannot be had", 0);
    }

    void run(u64 steps) {
        for (u64 i = 0; i < steps && !choices_.exhausted(); ++i) {
            step();
            look(some_address());
        }
        check_all();
    }

    // Everything comes back.
    void finish() {
        for (bool done = false; !done;) pay(tree_.destroy_step(done));
        demand(board_.frames.accounting(owner) == memory::Use{}, "frames were kept", 0);
        demand(board_.frames.totals().free_guest_bytes == before_, "frames were lost", 0);
    }

private:
    static constexpr memory::OwnerId owner{7};
    struct Piece {
        u64 size;
        u64 memory;
        memory::Attributes how;
    };
    struct Nobody {
        void flush(memory::FlushRequest const&) {}
    };

    static void pay(memory::FlushDebt&& debt) {
        Nobody nobody;
        std::move(debt).pay(nobody);
    }

    // Addresses cluster around the borders of tables.
    u64 some_address() {
        static constexpr u64 bases[] = {0, 2_MiB, 1_GiB - 4_MiB, 1_GiB, 2_GiB - 64_KiB, 3_GiB};
        auto const base = bases[choices_.below(std::size(bases))];
        auto const pages = choices_.below(2) == 0 ? choices_.below(2048) : 16 * choices_.below(256);
        return base + pages * 4_KiB;
    }
    u64 some_size() {
        switch (choices_.below(8)) {
            case 0: return 2_MiB;
            case 1: return 64_KiB;
            case 2: return 4_MiB + 4_KiB * choices_.below(600);
            case 3: return 64_KiB * (1 + choices_.below(32));
            default: return 4_KiB * (1 + choices_.below(64));
        }
    }

    // The model: pieces that do not overlap.
    void cut_at(u64 at) {
        auto next = pieces_.upper_bound(at);
        if (next == pieces_.begin()) return;
        auto const found = std::prev(next);
        auto const offset = at - found->first;
        if (offset == 0 || offset >= found->second.size) return;
        pieces_[at] = {found->second.size - offset, found->second.memory + offset, found->second.how};
        found->second.size = offset;
    }
    template <class Body>
    void for_range(u64 at, u64 size, Body&& body) {
        cut_at(at);
        cut_at(at + size);
        for (auto i = pieces_.lower_bound(at); i != pieces_.end() && i->first < at + size;) i = body(i);
    }
    [[nodiscard]] bool is_empty(u64 at, u64 size) {
        auto const next = pieces_.lower_bound(at);
        if (next != pieces_.end() && next->first < at + size) return false;
        return next == pieces_.begin() || std::prev(next)->first + std::prev(next)->second.size <= at;
    }

    isa::Permissions some_permissions() {
        static constexpr isa::Permissions all[] = {{true, true, true},
                                                   {true, false, false},
                                                   {true, true, false},
                                                   {true, false, true},
                                                   {false, false, true}};
        return all[choices_.below(std::size(all))];
    }

    void map() {
        auto const at = some_address();
        memory::Attributes how{.may = some_permissions(), .dirty = choices_.below(4) != 0};
        auto size = some_size();
        Hpa start{};
        if (choices_.below(2) == 0) {
            auto const order = memory::largest_order(size, 0, memory::order_2m);
            auto page = board_.frames.take(memory::Pool::guest, order, owner);
            if (!page) return;
            size = order.bytes();
            start = page.value().start();
            how.holding = memory::Holding::owned;
            static_cast<void>(memory::PageMaker::unmake(std::move(page).value()));
        } else {
            // Above the board's RAM, in step with the address or not.
            start = Hpa{0x1'0000'0000 + at + 4_KiB * (choices_.below(3) == 0 ? choices_.below(512) : 0)};
            if (choices_.below(6) == 0) {
                how.type = isa::MemoryType::io;
                if (X == isa::Xlen::rv32) how.type = isa::MemoryType::pma;
            }
            if (choices_.below(16) == 0) size = 1_GiB;
        }
        bool const possible = is_empty(at, size);
        auto const done = tree_.map(at, {start, size}, how);
        if (done) {
            demand(possible, "something was there", at);
            pieces_[at] = {size, start.raw(), how};
        } else {
            demand(!possible || done.error() == Error::no_memory || done.error() == Error::out_of_range,
                   "the room was free", at);
            if (how.holding == memory::Holding::owned)
                board_.frames.give_back(memory::PageMaker::make<memory::Dirty>(
                    {start, memory::largest_order(size, 0), memory::Pool::guest, owner}));
        }
    }

    void unmap() {
        memory::Stretch rest{some_address(), some_size()};
        if (choices_.below(16) == 0) rest.size = 1_GiB;
        while (rest.size != 0) {
            auto const at = rest.start;
            auto debt = tree_.unmap_step(rest);
            for_range(at, rest.start - at, [&](auto i) { return pieces_.erase(i); });
            if (!debt) {
                demand(debt.error() == Error::no_memory, "unmapping failed", rest.start);
                return;
            }
            pay(std::move(debt).value());
        }
    }

    void protect() {
        memory::Stretch rest{some_address(), some_size()};
        auto const may = some_permissions();
        bool const dirty = choices_.below(2) == 0;
        while (rest.size != 0) {
            auto const at = rest.start;
            auto debt = tree_.protect_step(rest, may, dirty);
            // A leaf that ends behind the stretch was split, so the model's pieces are cut alike.
            for_range(at, rest.start - at, [&](auto i) {
                i->second.how.may = may;
                i->second.how.dirty = dirty;
                return std::next(i);
            });
            if (!debt) {
                demand(debt.error() == Error::no_memory, "protecting failed", rest.start);
                return;
            }
            pay(std::move(debt).value());
        }
    }

    void step() {
        std::optional<Shortage> shortage;
        if (choices_.below(8) == 0) shortage.emplace(board_.frames, choices_.below(4));
        switch (choices_.below(8)) {
            case 0:
            case 1:
            case 2: return map();
            case 3:
            case 4: return unmap();
            case 5: return protect();
            case 6: {
                auto debt = tree_.split(some_address(), 4_KiB << choices_.below(10));
                if (debt) return pay(std::move(debt).value());
                demand(debt.error() == Error::not_found || debt.error() == Error::no_memory,
                       "splitting failed", 0);
                return;
            }
            default: return pay(tree_.merge(some_address()));
        }
    }

    void look(u64 at) {
        auto const next = pieces_.upper_bound(at);
        Piece const* expected = nullptr;
        u64 offset = 0;
        if (next != pieces_.begin()) {
            auto const found = std::prev(next);
            offset = at - found->first;
            if (offset < found->second.size) expected = &found->second;
        }
        auto const told = tree_.lookup(at);
        demand(told.has_value() == (expected != nullptr), "whether something is mapped", at);
        isa::Stage const stage{tree_.scheme(), tree_.root().raw(), tree_.kind().extensions, false};
        for (auto const access : {isa::Access::load, isa::Access::store, isa::Access::fetch}) {
            auto const walk =
                isa::walk_g_stage(board_.memory, stage, Gpa{at}, {.access = access, .user = true});
            auto const* const leaf = std::get_if<isa::Leaf>(&walk);
            bool allowed = false;
            if (expected != nullptr) {
                auto const& how = expected->how;
                allowed = access == isa::Access::load    ? how.may.read
                          : access == isa::Access::fetch ? how.may.execute
                                                         : how.may.write && how.dirty;
            }
            demand((leaf != nullptr) == allowed, "what a hart may do", at);
            if (leaf == nullptr) continue;
            demand(leaf->physical.raw() == expected->memory + offset, "where a hart gets", at);
            demand(leaf->type == expected->how.type, "what memory it is", at);
        }
        if (expected == nullptr) return;
        demand(told->at.raw() == expected->memory + offset, "where it lies", at);
        demand(told->how == expected->how, "how it is mapped", at);
    }

    void check_all() {
        for (auto const& [at, piece] : pieces_) {
            for (auto const offset : {u64{0}, piece.size / 2 & ~u64{4095}, piece.size - 4096})
                look(at + offset);
            look(at + piece.size);
        }
        u64 mapped = 0;
        for (auto const& [at, piece] : pieces_) mapped += piece.size;
        tree_.for_each([&](u64, memory::Mapping const& mapping) { mapped -= mapping.leaf_bytes; },
                       [](Hpa, u64) {});
        demand(mapped == 0, "how much is mapped", mapped);
    }

    Board board_{};
    Choices& choices_;
    memory::TreeOf<X> tree_{};
    std::map<u64, Piece> pieces_{};
    u64 before_;
};

}  // namespace antler::fake
