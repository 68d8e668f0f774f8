// The supervisor's domain of an Advanced PLIC, which signals to vCPUs or sends messages to their files.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <utility>

#include "device/device.hpp"
#include "device/outside_wires.hpp"
#include "device/source_set.hpp"
#include "isa/aplic.hpp"

namespace antler::device {

// Where interrupts go: signal(hart, level) is the wire to a vCPU's supervisor external interrupt, and
// send(hart, identity) a message to its interrupt file.  What hart there is not it ignores.
template <class O>
concept AplicOutput = requires(O& output, u32 hart, bool level, u32 identity) {
    output.signal(hart, level);
    output.send(hart, identity);
};

// A leaf of the tree of domains, little-endian, with one way of delivery for its whole life: D, BE and DM are
// read-only.  There are no files of guests' guests, so the guest index is zero.
// [aia AdvPLIC 5.1, 5.16]
template <AplicOutput Output>
class Aplic final : public Device {
public:
    static constexpr u32 last_source = 96;  // as on QEMU's board
    static constexpr u32 max_harts = 64;
    static constexpr Offset region_bytes = 0x8000;

    using Delivery = isa::aplic::Delivery;
    using Mode = isa::aplic::SourceMode;

    Aplic(u32 harts, Delivery delivery, Output output)
        : harts_{harts < max_harts ? harts : max_harts}, delivery_{delivery}, output_{std::move(output)} {}

    [[nodiscard]] std::string_view name() const override { return "aplic"; }

    // A device's wire.
    void set_source(u32 source, bool level) {
        if (!exists(source) || wires_.test(source) == level) return;
        bool const before = rectified(source);
        wires_.assign(source, level);
        bool const after = rectified(source);
        if (before == after) return;  // inactive or detached
        if (isa::aplic::is_level(modes_[source])) {
            pending_.assign(source, after);
        } else if (after) {
            pending_.assign(source, true);
        }
        act(source);
    }
    // This wire is one of the board's from now on.
    void come_from(u32 source, OutsideWires& outside) {
        if (!exists(source)) return;
        outside_ = &outside;
        lent_.assign(source, true);
    }
    struct Input {
        Aplic* aplic{};
        u32 source{};
        void set(bool level) { aplic->set_source(source, level); }
    };
    [[nodiscard]] Input input(u32 source) { return {this, source}; }

    [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
        if (width != Width::word || offset % 4 != 0 || offset >= region_bytes)
            return Err{Error::not_supported};
        namespace reg = isa::aplic;
        if (offset >= reg::idcs) return u64{read_idc(offset - reg::idcs)};
        if (offset == reg::genmsi) return u64{genmsi_};
        if (offset > reg::target) return u64{target((offset - reg::target) / 4)};
        if (offset == reg::domaincfg) return u64{domaincfg()};
        if (offset <= reg::sourcecfg + 4 * reg::most_sources) {
            auto const source = offset / 4;
            return u64{exists(source) ? reg::Sourcecfg::of(modes_[source]).raw : 0};
        }
        if (auto const word = word_of(offset, reg::setip)) return u64{pending_.word(*word)};
        if (auto const word = word_of(offset, reg::setie)) return u64{enabled_.word(*word)};
        if (auto const word = word_of(offset, reg::in_clrip)) {
            if (sends()) look_again(lent_ & wires_);
            return u64{inputs(*word)};
        }
        return u64{0};
    }

    [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
        if (width != Width::word || offset % 4 != 0 || offset >= region_bytes)
            return Err{Error::not_supported};
        namespace reg = isa::aplic;
        auto const word = static_cast<u32>(value);
        if (offset >= reg::idcs) {
            write_idc(offset - reg::idcs, word);
        } else if (offset == reg::genmsi) {
            generate(word);
        } else if (offset > reg::target) {
            write_target((offset - reg::target) / 4, word);
        } else if (offset == reg::domaincfg) {
            enabled_at_all_ = reg::Domaincfg::ie::get(word);
            act_on_all();
        } else if (offset <= reg::sourcecfg + 4 * reg::most_sources) {
            configure(offset / 4, word);
        } else {
            write_bits(offset, word);
        }
        return {};
    }

    void visit(StateVisitor auto& state) {
        state("ie", enabled_at_all_);
        state("genmsi", genmsi_);
        state("modes", std::span{reinterpret_cast<u8*>(modes_.data()), modes_.size()});
        for (auto& target : targets_) state("target", target);
        for (auto* const set : {&wires_, &pending_, &enabled_})
            for (auto& word : set->words) state("sources", word);
        for (auto& hart : idc_) {
            state("idelivery", hart.delivery);
            state("iforce", hart.force);
            state("ithreshold", hart.threshold);
        }
    }
    void restored() {
        genmsi_ = delivery_ == Delivery::messages ? genmsi_ & genmsi_fields : 0;
        modes_[0] = Mode::inactive;
        for (auto* const set : {&wires_, &pending_, &enabled_}) set->trim();
        for (u32 source = 1; source <= last_source; ++source) {
            modes_[source] = legal(static_cast<u32>(modes_[source]));
            write_target_fields(source, targets_[source]);
            if (is_active(source)) continue;
            pending_.assign(source, false);
            enabled_.assign(source, false);
        }
        settle_levels();
        act_on_all();
    }

private:
    using Sources = SourceSet<last_source>;
    static constexpr u32 genmsi_fields = isa::aplic::Genmsi::hart::mask | isa::aplic::Genmsi::eiid::mask;

    struct Idc {
        bool delivery = false;
        bool force = false;
        u8 threshold = 0;
        bool raised = false;  // what the output was last told
    };
    struct Top {
        u32 source = 0;
        u32 priority = 0;
        [[nodiscard]] u32 raw() const { return isa::aplic::Topi::of(source, priority).raw; }
    };

    [[nodiscard]] static bool exists(u32 source) { return source >= 1 && source <= last_source; }
    // What is reserved is inactive.
    [[nodiscard]] static Mode legal(u32 wanted) {
        auto const mode = static_cast<Mode>(wanted & 7);
        return mode == Mode::detached || isa::aplic::is_edge(mode) || isa::aplic::is_level(mode)
                   ? mode
                   : Mode::inactive;
    }
    [[nodiscard]] bool sends() const { return delivery_ == Delivery::messages; }
    [[nodiscard]] bool is_active(u32 source) const { return modes_[source] != Mode::inactive; }
    // Of sources that look at their wire; else zero.                                       [aia AdvPLIC 5.2]
    [[nodiscard]] bool rectified(u32 source) const {
        auto const mode = modes_[source];
        if (mode == Mode::inactive || mode == Mode::detached) return false;
        return wires_.test(source) != isa::aplic::is_inverted(mode);
    }

    [[nodiscard]] static std::optional<u32> word_of(Offset offset, u32 base) {
        if (offset < base || offset >= base + 4 * isa::aplic::words_of_bits) return std::nullopt;
        return (offset - base) / 4;
    }
    [[nodiscard]] u32 inputs(u32 word) const {
        u32 bits = 0;
        for (u32 bit = 0; bit < 32; ++bit)
            if (auto const source = word * 32 + bit; exists(source) && rectified(source))
                bits |= u32{1} << bit;
        return bits;
    }
    [[nodiscard]] u32 domaincfg() const {
        namespace reg = isa::aplic;
        return reg::Domaincfg::ie::set(reg::Domaincfg::dm::set(reg::Domaincfg{}.raw, delivery_),
                                       enabled_at_all_);
    }

    // ---- pending bits                                                                      [aia AdvPLIC 7]

    // Of a level the bit is a copy of the input, or where messages are sent only ever set while it is high.
    void set_pending(u32 source) {
        if (!is_active(source)) return;
        if (sends() && lent_.test(source) && wires_.test(source) && !outside_->look(source))
            set_source(source, false);
        if (isa::aplic::is_level(modes_[source]) && (!sends() || !rectified(source))) return;
        pending_.assign(source, true);
        act(source);
    }
    void clear_pending(u32 source) {
        if (isa::aplic::is_level(modes_[source]) && !sends()) return;
        pending_.assign(source, false);
        act(source);
    }
    void configure(u32 source, u32 value) {
        if (!exists(source)) return;
        // A leaf has nobody to delegate to.
        auto const mode = isa::aplic::Sourcecfg::d::get(value) ? Mode::inactive : legal(value);
        bool const was_active = is_active(source);
        auto const before = hart_of(source);
        modes_[source] = mode;
        if (!is_active(source)) {
            pending_.assign(source, false);
            enabled_.assign(source, false);
            targets_[source] = 0;
        } else if (!was_active) {
            write_target_fields(source, 0);
        }
        // A level that is high is an interrupt from now on; an edge that has passed is none.
        if (isa::aplic::is_level(mode)) pending_.assign(source, rectified(source));
        if (before != hart_of(source)) update(before);
        act(source);
    }
    void settle_levels() {
        for (u32 source = 1; source <= last_source; ++source)
            if (isa::aplic::is_level(modes_[source]))
                pending_.assign(source, rectified(source) && (!sends() || pending_.test(source)));
    }

    void write_bits(Offset offset, u32 value) {
        namespace reg = isa::aplic;
        auto const each = [&](u32 word, auto&& what) {
            for (u32 bit = 0; bit < 32; ++bit)
                if (auto const source = word * 32 + bit; (value >> bit & 1) != 0 && exists(source))
                    what(source);
        };
        auto const set = [&](u32 source) { set_pending(source); };
        auto const clear = [&](u32 source) { clear_pending(source); };
        auto const enable = [&](u32 source) { change_enabled(source, true); };
        auto const disable = [&](u32 source) { change_enabled(source, false); };
        if (auto const word = word_of(offset, reg::setip)) return each(*word, set);
        if (auto const word = word_of(offset, reg::in_clrip)) return each(*word, clear);
        if (auto const word = word_of(offset, reg::setie)) return each(*word, enable);
        if (auto const word = word_of(offset, reg::clrie)) return each(*word, disable);
        if (!exists(value)) return;
        switch (offset) {
            case reg::setipnum:
            case reg::setipnum_le: return set(value);
            case reg::clripnum: return clear(value);
            case reg::setienum: return enable(value);
            case reg::clrienum: return disable(value);
            default: return;
        }
    }
    void change_enabled(u32 source, bool to) {
        enabled_.assign(source, to && is_active(source));
        act(source);
    }

    // ---- targets

    [[nodiscard]] u32 target(u32 source) const { return exists(source) ? targets_[source] : 0; }
    [[nodiscard]] u32 hart_of(u32 source) const { return isa::aplic::Target::hart::get(targets_[source]); }
    void write_target_fields(u32 source, u32 value) {
        using T = isa::aplic::Target;
        if (!is_active(source)) {
            targets_[source] = 0;
        } else if (sends()) {
            targets_[source] = T::message(T::hart::get(value), 0, T::eiid::get(value)).raw;
        } else {
            targets_[source] = T::direct(T::hart::get(value), std::max(1u, T::iprio::get(value))).raw;
        }
    }
    void write_target(u32 source, u32 value) {
        if (!exists(source)) return;
        auto const before = hart_of(source);
        write_target_fields(source, value);
        if (!sends()) update(before);
        act(source);
    }

    // ---- delivery

    // Something about this source has changed.
    void act(u32 source) {
        if (sends()) return forward(source);
        update(hart_of(source));
    }
    void act_on_all() {
        if (sends()) {
            (pending_ & enabled_).for_each([&](u32 source) { forward(source); });
        } else {
            for (u32 hart = 0; hart < harts_; ++hart) update(hart);
        }
    }
    // A level that stays high is not sent again until it falls, or the guest asks.     [aia AdvPLIC 9, 9.2]
    void forward(u32 source) {
        if (!enabled_at_all_ || !pending_.test(source) || !enabled_.test(source)) return;
        pending_.assign(source, false);
        output_.send(hart_of(source), isa::aplic::Target::eiid::get(targets_[source]));
    }
    // Not affected by IE; it has left before anybody can see that it is busy.             [aia AdvPLIC 5.15]
    void generate(u32 value) {
        if (!sends()) return;
        genmsi_ = value & genmsi_fields;
        output_.send(isa::aplic::Genmsi::hart::get(value), isa::aplic::Genmsi::eiid::get(value));
    }

    [[nodiscard]] Top top(u32 hart) const {
        Top best;
        auto const threshold = u32{idc_[hart].threshold};
        (pending_ & enabled_).for_each([&](u32 source) {
            if (hart_of(source) != hart) return;
            auto const priority = isa::aplic::Target::iprio::get(targets_[source]);
            if (threshold != 0 && priority >= threshold) return;
            if (best.source == 0 || priority < best.priority) best = {source, priority};
        });
        return best;
    }
    void update(u32 hart) {
        if (hart >= harts_ || sends()) return;
        auto& idc = idc_[hart];
        auto const wanted = enabled_at_all_ && idc.delivery && (idc.force || top(hart).source != 0);
        if (wanted == idc.raised) return;
        idc.raised = wanted;
        output_.signal(hart, wanted);
    }

    [[nodiscard]] u32 read_idc(Offset offset) {
        namespace reg = isa::aplic;
        auto const hart = offset / reg::idc_bytes;
        if (hart >= harts_ || sends()) return 0;
        switch (offset % reg::idc_bytes) {
            case reg::idc_idelivery: return idc_[hart].delivery ? 1 : 0;
            case reg::idc_iforce: return idc_[hart].force ? 1 : 0;
            case reg::idc_ithreshold: return idc_[hart].threshold;
            case reg::idc_topi: look_again(served_); return top(hart).raw();
            case reg::idc_claimi: return claim(hart);
            default: return 0;
        }
    }
    void write_idc(Offset offset, u32 value) {
        namespace reg = isa::aplic;
        auto const hart = offset / reg::idc_bytes;
        if (hart >= harts_ || sends()) return;
        switch (offset % reg::idc_bytes) {
            case reg::idc_idelivery: idc_[hart].delivery = (value & 1) != 0; break;
            case reg::idc_iforce: idc_[hart].force = (value & 1) != 0; break;
            case reg::idc_ithreshold: idc_[hart].threshold = static_cast<u8>(value); break;
            default: return;
        }
        update(hart);
    }
    // Whether wires of the board that the guest has seen to are high still.  What is claimed is looked at the
    // next time: then it was served.
    void look_again(Sources const& which) {
        which.for_each([&](u32 source) {
            if (!wires_.test(source) || !outside_->look(source)) {
                served_.assign(source, false);
                set_source(source, false);
            }
        });
    }

    // Nothing to claim takes back a forced interrupt.                                      [aia AdvPLIC 8.1]
    [[nodiscard]] u32 claim(u32 hart) {
        look_again(served_);
        auto const taken = top(hart);
        if (taken.source == 0) {
            idc_[hart].force = false;
        } else if (!isa::aplic::is_level(modes_[taken.source])) {
            pending_.assign(taken.source, false);
        } else if (lent_.test(taken.source)) {
            served_.assign(taken.source, true);
        }
        update(hart);
        return taken.raw();
    }

    u32 harts_;
    Delivery delivery_;
    Output output_;
    bool enabled_at_all_ = false;
    u32 genmsi_ = 0;
    std::array<Mode, last_source + 1> modes_{};
    std::array<u32, last_source + 1> targets_{};
    Sources wires_{};
    Sources pending_{};
    Sources enabled_{};
    Sources lent_{};    // the board's
    Sources served_{};  // of these: claimed while they were high
    OutsideWires* outside_ = nullptr;
    std::array<Idc, max_harts> idc_{};
};

}  // namespace antler::device
