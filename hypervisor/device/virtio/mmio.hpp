// The registers of a virtio device on mmio.   [virtio 4.2.2]
#pragma once

#include <utility>

#include "device/virtio/setup.hpp"

namespace antler::device::virtio {

template <IrqLine Line>
class Mmio final : public Device, public Setup<Mmio<Line>, false> {
    using Base = Setup<Mmio, false>;
    friend Base;
    using Base::driver_select_, Base::device_select_, Base::selected_, Base::status_, Base::model_;

public:
    static constexpr u32 region_bytes = 0x1000;

    Mmio(Line line, Model& model) : Base{model}, line_{std::move(line)} {}

    [[nodiscard]] std::string_view name() const override { return model_.name(); }

    [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
        if (offset >= config_start) return model_.read_config(offset - config_start, width);
        if (width != Width::word || offset % 4 != 0) return Err{Error::not_supported};
        switch (offset) {
            case Register::magic: return u64{0x7472'6976};
            case Register::version: return u64{2};
            case Register::device_id: return u64{model_.device_id()};
            case Register::vendor_id: return u64{0x4c54'4e41};  // "ANTL"
            case Register::device_features: return u64{this->offered_word()};
            case Register::queue_most: return u64{this->most_entries()};
            case Register::queue_ready: return u64{this->is_ready()};
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
            case Register::queue_notify: this->notify(word); break;
            case Register::interrupt_acknowledge: set_interrupts(interrupts_ & ~word); break;
            case Register::status: this->set_status(word); break;
            case Register::device_select: device_select_ = word; break;
            case Register::driver_select: driver_select_ = word; break;
            case Register::driver_features: this->set_features(word); break;
            case Register::queue_select: selected_ = word; break;
            case Register::queue_size: this->set_size(word); break;
            case Register::queue_ready: this->set_ready((word & 1) != 0); break;
            case Register::descriptors_low: this->set_address(0, false, word); break;
            case Register::descriptors_high: this->set_address(0, true, word); break;
            case Register::driver_low: this->set_address(1, false, word); break;
            case Register::driver_high: this->set_address(1, true, word); break;
            case Register::device_low: this->set_address(2, false, word); break;
            case Register::device_high: this->set_address(2, true, word); break;
            default: break;
        }
        return {};
    }

    void queue_interrupt(u32) override { set_interrupts(interrupts_ | used_buffer); }
    void config_interrupt() override {
        ++generation_;
        if (this->is_running()) set_interrupts(interrupts_ | configuration);
    }

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
    static constexpr u32 used_buffer = 1, configuration = 2;

    void is_reset() { set_interrupts(0); }

    void set_interrupts(u32 interrupts) {
        if (interrupts == interrupts_) return;
        interrupts_ = interrupts;
        line_.set(interrupts != 0);
    }

    Line line_;
    u32 interrupts_ = 0;
    u32 generation_ = 0;
};

}  // namespace antler::device::virtio
