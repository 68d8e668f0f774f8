// A virtio memory balloon: pages that the guest does without go back to the house.   [virtio 5.5]
#pragma once

#include <atomic>
#include <concepts>

#include "device/counters.hpp"
#include "device/virtio/chain_bytes.hpp"
#include "device/virtio/model.hpp"
#include "device/virtio/queue_set.hpp"

namespace antler::device::virtio {

namespace balloon_feature {
inline constexpr u64 statistics = u64{1} << 1, deflate_when_short = u64{1} << 2, poison = u64{1} << 4,
                     reporting = u64{1} << 5;
}

// Takes memory away; what is touched afterwards comes back zeroed.
template <class W>
concept BalloonWire = requires(W& wire, std::span<GpaRange const> ranges) {
    wire.give_back(ranges);  // when is_busy() has become false; work() is called then
    { wire.is_busy() } -> std::same_as<bool>;
    wire.never_mind();  // of what was not yet begun
    wire.call_again();  // work() is to be called soon
};

// Pages leave the guest in bounded steps; a chain is used when all of its pages are gone.
template <GuestMemory M, BalloonWire W>
class Balloon final : public Model {
public:
    static constexpr u32 most_ranges = 64;  // in one step
    static constexpr u32 budget = 16;       // chains in one go

    Balloon(M& memory, W& wire, bool reports) : memory_{memory}, wire_{wire}, reports_{reports} {}

    [[nodiscard]] std::string_view name() const override { return "virtio-balloon"; }
    [[nodiscard]] u32 device_id() const override { return 5; }
    [[nodiscard]] u64 features() const override {
        using namespace balloon_feature;
        return statistics | deflate_when_short | poison | (reports_ ? reporting : 0);
    }
    [[nodiscard]] u32 queue_count() const override { return reports_ ? 4 : 3; }
    [[nodiscard]] u16 queue_size(u32) const override { return 32; }

    [[nodiscard]] u64 read_config(Offset offset, Width width) override {
        return read_structure(bytes_of(config_), offset, width);
    }
    void write_config(Offset offset, Width width, u64 value) override {
        if (width != Width::word) return;
        if (offset == actual_offset) config_.actual = static_cast<u32>(value);
        if (offset == poison_offset) config_.poison = static_cast<u32>(value);
    }

    // The balloon that is wanted; the guest follows when it can.  With the device's lock held.
    void set_target(u32 pages) {
        if (config_.wanted == pages) return;
        config_.wanted = pages;
        queues_.tell_of_configuration();
    }
    [[nodiscard]] u32 actual() const { return config_.actual; }

    void start(Transport& transport, u64 features, std::span<RingPlace const> places) override {
        queues_.open(memory_, transport, features, places);
        wire_.call_again();
    }
    void stop() override {
        queues_.close();
        held_.reset();
        asked_ = false;
        wire_.never_mind();
        config_.actual = config_.poison = 0;
    }
    void notify(u32) override { wire_.call_again(); }

    [[nodiscard]] bool work() override {
        if (!queues_.is_open()) return false;
        bool const more = some_chains();
        hear_statistics();
        return queues_.publish(*this) && more;
    }

    void counters(CounterVisitor& each) const {
        each("wanted_pages", config_.wanted);
        each("pages", config_.actual);
        each("given_back_bytes", given_back_);
        constexpr std::array<std::string_view, statistics_count> names{
            "swapped_in_bytes", "swapped_out_bytes", "major_faults",    "minor_faults",
            "free_bytes",       "total_bytes",       "available_bytes", "cache_bytes"};
        for (u32 i = 0; i < statistics_count; ++i) each(names[i], statistics_[i]);
        asked_ = true;  // newer ones for whoever asks next
        wire_.call_again();
    }

private:
    static constexpr u32 inflate = 0, deflate = 1, statistics_queue = 2, report = 3;
    static constexpr Offset actual_offset = 4, poison_offset = 12;
    static constexpr u32 statistics_count = 8;

    // [virtio 5.5.4]
    struct Config {
        u32 wanted = 0, actual = 0, hint_command = 0, poison = 0;
    };
    struct Held {
        u32 queue;
        u32 position;  // bytes of page numbers, or segments, that are done
    };

    // True: there is more to do at once.
    [[nodiscard]] bool some_chains() {
        for (u32 i = 0; i < budget; ++i) {
            if (wire_.is_busy()) return false;  // it calls again
            if (!held_ && !take_chain()) return false;
            auto const count = held_->queue == inflate ? gather_pages() : gather_segments();
            if (!count) {
                queues_[held_->queue].break_it();
                held_.reset();
                return false;
            }
            if (*count != 0) {
                wire_.give_back(std::span{ranges_}.first(*count));
                return false;
            }
            queues_[held_->queue].use(chain_, 0);
            held_.reset();
        }
        return true;
    }

    [[nodiscard]] bool take_chain() {
        // What comes back needs no doing: the guest's next touch brings a page.
        for (u32 i = 0; i < budget && queues_.next(deflate, chain_); ++i) queues_[deflate].use(chain_, 0);
        for (auto const queue : {inflate, report}) {
            if (!queues_.next(queue, chain_)) continue;
            held_ = Held{queue, 0};
            return true;
        }
        return false;
    }

    // The next part of a list of page numbers, neighbours together; nothing: it cannot be read.
    [[nodiscard]] std::optional<u32> gather_pages() {
        constexpr u64 page_bytes = 4096;
        std::array<u32, most_ranges> numbers;
        auto const end = chain_.readable_bytes & ~u32{3};
        u32 count = 0;
        while (count == 0 && held_->position < end) {
            auto const bytes = std::min<u32>(end - held_->position, sizeof numbers);
            if (read_chain(memory_, chain_, held_->position,
                           std::span{reinterpret_cast<u8*>(numbers.data()), bytes}) != bytes)
                return std::nullopt;
            held_->position += bytes;
            for (auto const number : std::span{numbers}.first(bytes / 4)) {
                Gpa const at{u64{number} * page_bytes};
                given_back_ += page_bytes;
                if (count != 0 && at == ranges_[count - 1].end()) {
                    ranges_[count - 1].size += page_bytes;
                } else if (count != 0 && at + page_bytes == ranges_[count - 1].start) {
                    ranges_[count - 1] = {at, ranges_[count - 1].size + page_bytes};
                } else {
                    ranges_[count++] = {at, page_bytes};
                }
            }
        }
        return count;
    }

    // Free pages as the guest reports them.  A page that must keep a pattern stays.
    [[nodiscard]] std::optional<u32> gather_segments() {
        auto const list = chain_.to_write();
        u32 count = 0;
        while (config_.poison == 0 && count < most_ranges && held_->position < list.size()) {
            auto const& segment = list[held_->position++];
            if (segment.bytes == 0) continue;
            given_back_ += segment.bytes;
            ranges_[count++] = {segment.at, segment.bytes};
        }
        return count;
    }

    // The driver leaves a buffer with numbers, and fills it again when it gets it back.   [virtio 5.5.6.3]
    void hear_statistics() {
        auto& queue = queues_[statistics_queue];
        if (!asked_ || !queues_.next(statistics_queue, statistics_chain_)) return;
        asked_ = false;
        struct [[gnu::packed]] Entry {
            u16 tag;
            u64 value;
        };
        for (u32 i = 0; i < 2 * statistics_count; ++i) {
            Entry entry;
            auto const count = read_chain(memory_, statistics_chain_, i * sizeof entry, bytes_of(entry));
            if (!count) return queue.break_it();
            if (*count != sizeof entry) break;
            if (entry.tag < statistics_count) statistics_[entry.tag] = entry.value;
        }
        queue.use(statistics_chain_, 0);
    }

    M& memory_;
    W& wire_;
    bool reports_;
    QueueSet<M, 4> queues_{};
    Config config_{};
    std::optional<Held> held_{};
    Chain chain_;  // the one that is held
    Chain statistics_chain_;
    std::array<GpaRange, most_ranges> ranges_{};
    std::array<u64, statistics_count> statistics_{};
    u64 given_back_ = 0;
    mutable bool asked_ = false;
};

}  // namespace antler::device::virtio
