// What a driver says to a virtio device until it runs, whichever transport it says it by.   [virtio 3.1]
#pragma once

#include <array>
#include <bit>

#include "device/virtio/model.hpp"

namespace antler::device::virtio {

// `Registers` is the transport that derives from it: it has config_interrupt(), and is_reset() for what is
// its own.  `preset`: queues begin as large as they may be.
template <class Registers, bool preset>
class Setup : public Transport {
public:
    static constexpr u32 most_queues = 8;

    void needs_reset() override {
        status_ |= failed_device;
        registers().config_interrupt();
    }

    void power_on() { reset(); }
    [[nodiscard]] bool is_running() const { return (status_ & driver_ok) != 0; }

protected:
    [[nodiscard]] u32 queues() const {
        auto const count = model_.queue_count();
        return count < most_queues ? count : most_queues;
    }

    // --- as registers

    [[nodiscard]] u32 offered_word() const { return word_of(offered(), device_select_); }
    [[nodiscard]] u32 chosen_word() const { return word_of(features_, driver_select_); }
    [[nodiscard]] u32 most_entries() const {
        return selected_ < queues() ? model_.queue_size(selected_) : u32{0};
    }
    [[nodiscard]] bool is_ready() const { return selected_ < queues() && queues_[selected_].ready; }

    void set_features(u32 word) {
        if ((status_ & features_ok) != 0 || driver_select_ >= 2) return;
        auto const shift = 32 * driver_select_;
        features_ = (features_ & ~(u64{0xffff'ffff} << shift)) | u64{word} << shift;
    }

    // Bits are only ever added, until zero takes all of them away.   [virtio 2.1]
    void set_status(u32 word) {
        if (word == 0) return reset();
        auto added = word & ~status_ & 0xff & ~failed_device;
        if ((added & features_ok) != 0 &&
            ((features_ & ~offered()) != 0 || (features_ & feature::version_1) == 0))
            added &= ~features_ok;
        if (((status_ | added) & features_ok) == 0) added &= ~driver_ok;
        status_ |= added;
        if ((added & driver_ok) != 0) start();
    }

    // Only before the device runs: what was set up is latched.
    void set_ready(bool ready) {
        if (selected_ < queues() && !is_running()) queues_[selected_].ready = ready;
    }
    void set_size(u32 size) {
        if (auto* const queue = queue_to_set(); queue != nullptr) queue->size = size;
    }
    // 0: descriptors, 1: the driver's area, 2: the device's.
    void set_address(u32 which, bool high, u32 word) {
        auto* const queue = queue_to_set();
        if (queue == nullptr) return;
        auto& field = queue->areas[which];
        field = high ? (field & 0xffff'ffff) | u64{word} << 32 : (field & ~u64{0xffff'ffff}) | word;
    }

    [[gnu::always_inline]] void notify(u32 queue) {
        if (is_running() && queue < queues() && queues_[queue].ready) model_.notify(queue);
    }

    // It may not reach memory any more: silent until it is reset.
    void abandon() {
        if (!is_running()) return;
        model_.stop();
        status_ |= failed_device;
    }

    void reset() {
        model_.stop();
        queues_ = {};
        if constexpr (preset)
            for (u32 i = 0; i < queues(); ++i) queues_[i].size = model_.queue_size(i);
        status_ = 0;
        features_ = 0;
        device_select_ = driver_select_ = selected_ = 0;
        registers().is_reset();
    }

    struct QueueRegisters {
        u32 size = 0;
        bool ready = false;
        std::array<u64, 3> areas{};
    };

    Model& model_;
    u64 features_ = 0;
    u32 status_ = 0;
    u32 device_select_ = 0;
    u32 driver_select_ = 0;
    u32 selected_ = 0;
    std::array<QueueRegisters, most_queues> queues_{};

private:
    friend Registers;
    explicit Setup(Model& model) : model_{model} {}

    static constexpr u32 features_ok = 8, driver_ok = 4, failed_device = 64;

    [[nodiscard]] Registers& registers() { return static_cast<Registers&>(*this); }
    [[nodiscard]] static u32 word_of(u64 features, u32 select) {
        return select < 2 ? static_cast<u32>(features >> (32 * select)) : 0;
    }
    [[nodiscard]] u64 offered() const {
        return model_.features() | feature::version_1 | feature::indirect | feature::event_index |
               feature::packed;
    }
    [[nodiscard]] QueueRegisters* queue_to_set() {
        if (selected_ >= queues() || is_running() || queues_[selected_].ready) return nullptr;
        return &queues_[selected_];
    }

    void start() {
        std::array<RingPlace, most_queues> places{};
        for (u32 i = 0; i < queues(); ++i) {
            auto const& queue = queues_[i];
            if (!queue.ready) continue;
            auto const [descriptors, driver, device] = queue.areas;
            bool const packed = (features_ & feature::packed) != 0;
            bool const good = queue.size != 0 && queue.size <= model_.queue_size(i) &&
                              (packed || std::has_single_bit(queue.size)) && descriptors % 16 == 0 &&
                              driver % (packed ? 4 : 2) == 0 && device % 4 == 0;
            if (!good) return needs_reset();
            places[i] = {static_cast<u16>(queue.size), Gpa{descriptors}, Gpa{driver}, Gpa{device}};
        }
        model_.start(*this, features_, std::span{places}.first(queues()));
    }
};

}  // namespace antler::device::virtio
