// The registers of a virtio device on mmio.   [virtio 4.2.2]
#pragma once

#include <array>
#include <bit>
#include <utility>

#include "device/virtio/model.hpp"

namespace antler::device::virtio {

template <IrqLine Line>
class Mmio final : public Device, public Transport {
public:
    static constexpr u32 most_queues = 8;
    static constexpr u32 region_bytes = 0x1000;

    Mmio(Line line, Model& model) : line_{std::move(line)}, model_{model} {}

    [[nodiscard]] std::string_view name() const override { return model_.name(); }

    [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
        if (offset >= config_start) return model_.read_config(offset - config_start, width);
        if (width != Width::word || offset % 4 != 0) return Err{Error::not_supported};
        switch (offset) {
            case Register::magic: return u64{0x7472'6976};
            case Register::version: return u64{2};
            case Register::device_id: return u64{model_.device_id()};
            case Register::vendor_id: return u64{0x4c54'4e41};  // "ANTL"
            case Register::device_features:
                return device_select_ < 2 ? offered() >> (32 * device_select_) & 0xffff'ffff : 0;
            case Register::queue_most: return u64{selected_ < queues() ? model_.queue_size(selected_) : 0u};
            case Register::queue_ready: return u64{selected_ < queues() && queues_[selected_].ready};
            case Register::interrupt_status: return u64{interrupts_};
            case Register::status: return u64{status_};
            case Register::memory_length_low:
            case Register::memory_length_high:
            case Register::memory_base_low:
            case Register::memory_base_high: return u64{0xffff'ffff};  // there is no shared memory
            case Register::config_generation: return u64{generation_};
            default: return u64{0};
        }
    }

    [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
        if (offset >= config_start) {
            model_.write_config(offset - config_start, width, value);
            return {};
        }
        if (width != Width::word || offset % 4 != 0) return Err{Error::not_supported};
        auto const word = static_cast<u32>(value);
        switch (offset) {
            case Register::queue_notify:
                if (is_running() && word < queues() && queues_[word].ready) model_.notify(word);
                break;
            case Register::interrupt_acknowledge: set_interrupts(interrupts_ & ~word); break;
            case Register::status: set_status(word); break;
            case Register::device_select: device_select_ = word; break;
            case Register::driver_select: driver_select_ = word; break;
            case Register::driver_features: set_features(word); break;
            case Register::queue_select: selected_ = word; break;
            default: set_queue(offset, word); break;
        }
        return {};
    }

    void queue_interrupt() override { set_interrupts(interrupts_ | used_buffer); }
    void config_interrupt() override {
        ++generation_;
        if (is_running()) set_interrupts(interrupts_ | configuration);
    }
    void needs_reset() override {
        status_ |= failed_device;
        config_interrupt();
    }

    void power_on() { reset(); }
    [[nodiscard]] bool is_running() const { return (status_ & driver_ok) != 0; }

private:
    struct Register {
        enum : u32 {
            magic = 0x000,
            version = 0x004,
            device_id = 0x008,
            vendor_id = 0x00c,
            device_features = 0x010,
            device_select = 0x014,
            driver_features = 0x020,
            driver_select = 0x024,
            queue_select = 0x030,
            queue_most = 0x034,
            queue_size = 0x038,
            queue_ready = 0x044,
            queue_notify = 0x050,
            interrupt_status = 0x060,
            interrupt_acknowledge = 0x064,
            status = 0x070,
            descriptors_low = 0x080,
            descriptors_high = 0x084,
            driver_low = 0x090,
            driver_high = 0x094,
            device_low = 0x0a0,
            device_high = 0x0a4,
            memory_length_low = 0x0b0,
            memory_length_high = 0x0b4,
            memory_base_low = 0x0b8,
            memory_base_high = 0x0bc,
            config_generation = 0x0fc,
        };
    };
    static constexpr Offset config_start = 0x100;
    static constexpr u32 features_ok = 8, driver_ok = 4, failed_device = 64;
    static constexpr u32 used_buffer = 1, configuration = 2;

    struct QueueRegisters {
        u32 size = 0;
        bool ready = false;
        u64 descriptors = 0, driver = 0, device = 0;
    };

    [[nodiscard]] u32 queues() const {
        auto const count = model_.queue_count();
        return count < most_queues ? count : most_queues;
    }
    [[nodiscard]] u64 offered() const {
        return model_.features() | feature::version_1 | feature::indirect | feature::event_index |
               feature::packed;
    }

    void set_interrupts(u32 interrupts) {
        if (interrupts == interrupts_) return;
        interrupts_ = interrupts;
        line_.set(interrupts != 0);
    }

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

    void start() {
        std::array<RingPlace, most_queues> places{};
        for (u32 i = 0; i < queues(); ++i) {
            auto const& queue = queues_[i];
            if (!queue.ready) continue;
            bool const packed = (features_ & feature::packed) != 0;
            bool const good = queue.size != 0 && queue.size <= model_.queue_size(i) &&
                              (packed || std::has_single_bit(queue.size)) && queue.descriptors % 16 == 0 &&
                              queue.driver % (packed ? 4 : 2) == 0 && queue.device % 4 == 0;
            if (!good) return needs_reset();
            places[i] = {static_cast<u16>(queue.size), Gpa{queue.descriptors}, Gpa{queue.driver},
                         Gpa{queue.device}};
        }
        model_.start(*this, features_, std::span{places}.first(queues()));
    }

    void reset() {
        model_.stop();
        queues_ = {};
        status_ = 0;
        features_ = 0;
        device_select_ = driver_select_ = selected_ = 0;
        set_interrupts(0);
    }

    // Only before the device runs: what was set up is latched.
    void set_queue(Offset where, u32 word) {
        if (selected_ >= queues() || is_running()) return;
        auto& queue = queues_[selected_];
        if (where == Register::queue_ready) {
            queue.ready = (word & 1) != 0;
            return;
        }
        if (queue.ready) return;
        auto const low = [&](u64& field) { field = (field & ~u64{0xffff'ffff}) | word; };
        auto const high = [&](u64& field) { field = (field & 0xffff'ffff) | u64{word} << 32; };
        switch (where) {
            case Register::queue_size: queue.size = word; break;
            case Register::descriptors_low: low(queue.descriptors); break;
            case Register::descriptors_high: high(queue.descriptors); break;
            case Register::driver_low: low(queue.driver); break;
            case Register::driver_high: high(queue.driver); break;
            case Register::device_low: low(queue.device); break;
            case Register::device_high: high(queue.device); break;
            default: break;
        }
    }

    Line line_;
    Model& model_;
    u64 features_ = 0;
    u32 status_ = 0;
    u32 interrupts_ = 0;
    u32 generation_ = 0;
    u32 device_select_ = 0;
    u32 driver_select_ = 0;
    u32 selected_ = 0;
    std::array<QueueRegisters, most_queues> queues_{};
};

}  // namespace antler::device::virtio
