// The platform-level interrupt controller of SiFive's boards and QEMU's virt, for the S-mode contexts of a
// VM.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <utility>

#include "base/seams.hpp"
#include "device/device.hpp"
#include "device/outside_wires.hpp"

namespace antler::device {

// The wire from a context to its vCPU's supervisor external interrupt: output(context, level).
template <class O>
concept ContextOutput = std::invocable<O&, u32, bool>;

// As on QEMU's board, context 2n + 1 is the supervisor of hart n; the even ones are of machine mode, which a
// guest has not: they read as zero.  Gateways are level-sensitive: a source that is high becomes pending
// once, and again only after the guest completed it; a pending source that falls stays pending until it is
// claimed [plic gateways].
template <ContextOutput Output>
class Plic final : public Device {
public:
    static constexpr u32 max_contexts = 64;
    static constexpr u32 sources = 96;  // 1 to 95; source 0 does not exist
    static constexpr u32 highest_priority = 7;

    static constexpr Offset priority_base = 0;
    static constexpr Offset pending_base = 0x1000;
    static constexpr Offset enable_base = 0x2000;
    static constexpr Offset enable_stride = 0x80;
    static constexpr Offset context_base = 0x20'0000;
    static constexpr Offset context_stride = 0x1000;
    static constexpr Offset threshold_offset = 0;
    static constexpr Offset claim_offset = 4;
    static constexpr Offset region_bytes = 0x60'0000;

    // `contexts` beyond what the machine can have are not there.
    Plic(u32 contexts, Output output)
        : contexts_{contexts < max_contexts ? contexts : max_contexts}, output_{std::move(output)} {}

    [[nodiscard]] std::string_view name() const override { return "plic"; }

    // A device's wire.
    void set_source(u32 source, bool level) {
        if (source == 0 || source >= sources || level == levels_.test(source)) return;
        levels_.assign(source, level);
        if (level) offer(source);
    }

    // This wire is one of the board's from now on.
    void come_from(u32 source, OutsideWires& outside) {
        if (source == 0 || source >= sources) return;
        outside_ = &outside;
        lent_.assign(source, true);
    }

    // What a device is given as its line.
    struct Input {
        Plic* plic{};
        u32 source{};
        void set(bool level) { plic->set_source(source, level); }
    };
    [[nodiscard]] Input input(u32 source) { return {this, source}; }

    [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
        if (width != Width::word || offset % 4 != 0 || offset >= region_bytes)
            return Err{Error::not_supported};
        if (offset >= context_base) {
            auto const context = context_of((offset - context_base) / context_stride);
            if (context >= contexts_) return u64{0};
            switch (offset % context_stride) {
                case threshold_offset: return u64{context_[context].threshold};
                case claim_offset: return u64{claim(context)};
                default: return u64{0};
            }
        }
        if (offset >= enable_base) {
            auto const context = context_of((offset - enable_base) / enable_stride);
            if (context >= contexts_) return u64{0};
            return u64{context_[context].enabled.word((offset - enable_base) % enable_stride / 4)};
        }
        if (offset >= pending_base) return u64{pending_.word((offset - pending_base) / 4)};
        auto const source = offset / 4;
        return u64{source < sources ? priorities_[source] : u8{0}};
    }

    // What read() of an aligned word would answer; false: it would change something, for it claims.
    [[nodiscard, gnu::always_inline]] bool glance(Offset offset, u32& value) const {
        value = 0;
        if (offset >= context_base) {
            auto const context = context_of((offset - context_base) / context_stride);
            if (context >= contexts_) return true;
            auto const& its = context_[context];
            auto const place = offset % context_stride;
            if (place == threshold_offset) value = its.threshold;
            if (place != claim_offset) return true;
            auto const& enabled = its.enabled.words;
            return ((pending_.words[0] & enabled[0]) | (pending_.words[1] & enabled[1])) == 0;
        }
        if (offset >= enable_base) {
            auto const context = context_of((offset - enable_base) / enable_stride);
            if (context < contexts_)
                value = context_[context].enabled.word((offset - enable_base) % enable_stride / 4);
        } else if (offset >= pending_base) {
            value = pending_.word((offset - pending_base) / 4);
        } else if (offset / 4 < sources) {
            value = priorities_[offset / 4];
        }
        return true;
    }

    [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
        if (width != Width::word || offset % 4 != 0 || offset >= region_bytes)
            return Err{Error::not_supported};
        auto const word = static_cast<u32>(value);
        if (offset >= context_base) {
            auto const context = context_of((offset - context_base) / context_stride);
            if (context >= contexts_) return {};
            switch (offset % context_stride) {
                case threshold_offset:
                    context_[context].threshold = word & highest_priority;
                    update(context);
                    break;
                case claim_offset: complete(context, word); break;
                default: break;
            }
        } else if (offset >= enable_base) {
            auto const context = context_of((offset - enable_base) / enable_stride);
            if (context >= contexts_) return {};
            context_[context].enabled.set_word((offset - enable_base) % enable_stride / 4, word);
            update(context);
        } else if (offset < pending_base) {  // the pending bits are read-only
            auto const source = offset / 4;
            if (source == 0 || source >= sources) return {};
            priorities_[source] = word & highest_priority;
            update_all(source);
        }
        return {};
    }

    void visit(StateVisitor auto& state) {
        state("priorities", std::span<u8>{priorities_});
        for (auto& word : levels_.words) state("levels", word);
        for (auto& word : pending_.words) state("pending", word);
        for (auto& word : claimed_.words) state("claimed", word);
        for (auto& context : context_) {
            state("threshold", context.threshold);
            for (auto& word : context.enabled.words) state("enabled", word);
        }
    }
    void restored() {
        for (auto& priority : priorities_) priority &= highest_priority;
        for (auto* const set : {&levels_, &pending_, &claimed_}) set->trim();
        for (auto& context : context_) {
            context.threshold &= highest_priority;
            context.enabled.trim();
        }
        for (u32 n = 0; n < contexts_; ++n) update(n);
    }

private:
    // One bit for each source.
    struct Sources {
        std::array<u64, 2> words{};
        [[nodiscard]] bool test(u32 source) const { return (words[source / 64] >> source % 64 & 1) != 0; }
        void assign(u32 source, bool to) {
            auto const bit = u64{1} << source % 64;
            words[source / 64] = to ? words[source / 64] | bit : words[source / 64] & ~bit;
        }
        // As the guest sees them: 32 at a time.
        [[nodiscard]] u32 word(u32 index) const {
            return index < sources / 32 ? static_cast<u32>(words[index / 2] >> index % 2 * 32) : 0;
        }
        void set_word(u32 index, u32 value) {
            if (index >= sources / 32) return;
            auto const shift = index % 2 * 32;
            words[index / 2] = (words[index / 2] & ~(u64{0xffff'ffff} << shift)) | u64{value} << shift;
            trim();
        }
        void trim() {
            words[0] &= ~u64{1};
            words[1] &= (u64{1} << (sources - 64)) - 1;
        }
    };
    static_assert(sources % 32 == 0 && sources > 64 && sources < 128);

    // Which of ours is meant by the number a guest uses; for machine mode one that is not there.
    [[nodiscard]] static constexpr u32 context_of(u32 number) {
        return number % 2 != 0 ? number / 2 : max_contexts;
    }

    struct Context {
        Sources enabled{};
        u8 threshold = 0;
        bool raised = false;  // what the output was last told
    };

    struct Best {
        u32 source{};
        u32 priority{};
    };

    // The pending and enabled source of highest priority, of equals the lowest number; priority 0 is never.
    [[nodiscard]] Best best(Context const& context) const {
        Best found;
        for (u32 half = 0; half < 2; ++half) {
            auto left = pending_.words[half] & context.enabled.words[half];
            for (; left != 0; left &= left - 1) {
                auto const source = half * 64 + static_cast<u32>(std::countr_zero(left));
                if (priorities_[source] > found.priority) found = {source, priorities_[source]};
            }
        }
        return found;
    }

    void update(u32 n) {
        auto& context = context_[n];
        auto const wanted = best(context).priority > context.threshold;
        if (wanted == context.raised) return;
        context.raised = wanted;
        output_(n, wanted);
    }
    // Only contexts that enable the source can have changed.
    void update_all(u32 source) {
        for (u32 n = 0; n < contexts_; ++n)
            if (context_[n].enabled.test(source)) update(n);
    }

    void offer(u32 source) {
        if (pending_.test(source) || claimed_.test(source)) return;
        pending_.assign(source, true);
        update_all(source);
    }

    // The threshold masks the notification, not the claim [plic interrupt claims].
    [[nodiscard]] u32 claim(u32 n) {
        auto const source = best(context_[n]).source;
        if (source == 0) return 0;
        pending_.assign(source, false);
        claimed_.assign(source, true);
        update_all(source);
        return source;
    }

    // A completion of a source that this context does not enable is ignored [plic interrupt completion].
    void complete(u32 n, u32 source) {
        if (source == 0 || source >= sources || !context_[n].enabled.test(source)) return;
        if (!claimed_.test(source)) return;
        claimed_.assign(source, false);
        if (!levels_.test(source)) return;
        if (lent_.test(source) && !outside_->look(source)) return levels_.assign(source, false);
        offer(source);
    }

    u32 contexts_;
    Output output_;
    std::array<u8, sources> priorities_{};
    Sources levels_{};   // the wires
    Sources pending_{};  // through the gateway, not claimed
    Sources claimed_{};  // claimed, not completed: the gateway is shut
    Sources lent_{};     // the board's
    OutsideWires* outside_ = nullptr;
    std::array<Context, max_contexts> context_{};
};

}  // namespace antler::device
