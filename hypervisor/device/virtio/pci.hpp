// A virtio device behind a PCI bridge, as drivers since virtio 1.0 see it.   [virtio 4.1]
#pragma once

#include <utility>

#include "device/pci/function.hpp"
#include "device/pci/msix.hpp"
#include "device/virtio/setup.hpp"

namespace antler::device::virtio {

template <IrqLine Pin, pci::MessageSink Sink>
class Pci final : public pci::Function, public Setup<Pci<Pin, Sink>, true> {
    using Base = Setup<Pci, true>;
    friend Base;
    using Base::driver_select_, Base::device_select_, Base::selected_, Base::status_, Base::model_;

public:
    using Base::most_queues;

    // What its only BAR shows.
    struct Layout {
        enum : Offset {
            common = 0x0000,
            interrupt = 0x1000,
            device = 0x2000,
            notify = 0x3000,
            msix_table = 0x4000,
            msix_pending = 0x5000,
            bytes = 0x8000,
        };
    };
    static constexpr u32 notify_stride = 4;

    Pci(Pin pin, Sink sink, Model& model)
        : Base{model}, pin_{std::move(pin)}, msix_{this->queues() + 1, std::move(sink)} {
        describe();
    }

    [[nodiscard]] std::string_view name() const override { return model_.name(); }

    void power_on() {
        configuration_.reset();
        msix_.reset();
        Base::power_on();
    }

    [[nodiscard]] u64 read_configuration(Offset at, Width width) override {
        if (at == window_ + window_data)
            reach([&](Offset offset, Width bytes) {
                configuration_.put(window_ + window_data, 4, read_bar(0, offset, bytes));
            });
        if (at <= pci::place::status && pci::place::status < at + static_cast<u32>(width)) tell_status();
        return configuration_.get(at, static_cast<u32>(width));
    }
    void write_configuration(Offset at, Width width, u64 value) override {
        bool const was_master = configuration_.is_master();
        configuration_.write(at, static_cast<u32>(width), value);
        if (at == window_ + window_data)
            reach([&](Offset offset, Width bytes) {
                write_bar(0, offset, bytes, configuration_.get(window_ + window_data, 4));
            });
        if (was_master && !configuration_.is_master()) this->abandon();
        msix_.set_control(static_cast<u16>(configuration_.get(msix_place_ + 2, 2)));
        show_pin();
    }

    [[nodiscard]] u64 read_bar(u32, Offset at, Width width) override {
        auto const into = at % page;
        switch (at - into) {
            case Layout::common: return read_common(into, width);
            case Layout::interrupt: return into == 0 ? take_interrupts() : 0;
            case Layout::device: return model_.read_config(into, width);
            case Layout::msix_table: return msix_.read_table(into, width);
            case Layout::msix_pending: return msix_.read_pending(into, width);
            default: return 0;
        }
    }
    void write_bar(u32, Offset at, Width width, u64 value) override {
        auto const into = at % page;
        switch (at - into) {
            case Layout::common: return write_common(into, width, value);
            case Layout::device: return model_.write_config(into, width, value);
            case Layout::notify: return this->notify(into / notify_stride);
            case Layout::msix_table: return msix_.write_table(into, width, value);
            default: return;
        }
    }

    void queue_interrupt(u32 queue) override {
        if (msix_.is_enabled()) return send(queue_vectors_[queue % most_queues]);
        interrupts_ |= used_buffer;
        show_pin();
    }
    void config_interrupt() override {
        ++generation_;
        if (!this->is_running()) return;
        interrupts_ |= configuration_changed;
        if (msix_.is_enabled()) return send(config_vector_);
        show_pin();
    }

private:
    // The common configuration.   [virtio 4.1.4.3]
    struct Register {
        enum : Offset {
            device_select = 0x00,
            device_features = 0x04,
            driver_select = 0x08,
            driver_features = 0x0c,
            config_vector = 0x10,
            queue_count = 0x12,
            status = 0x14,
            generation = 0x15,
            queue_select = 0x16,
            queue_size = 0x18,
            queue_vector = 0x1a,
            queue_enable = 0x1c,
            queue_notify = 0x1e,
            queue_areas = 0x20,
            common_bytes = 0x38,
        };
    };
    enum class Structure : u8 { common = 1, notify = 2, interrupt = 3, device = 4, window = 5 };

    static constexpr Offset page = 0x1000;
    static constexpr Offset window_bar = 4, window_offset = 8, window_length = 12, window_data = 16;
    static constexpr u16 no_vector = 0xffff;
    static constexpr u8 used_buffer = 1, configuration_changed = 2;

    void describe() {
        constexpr u16 virtio_vendor = 0x1af4, first_device = 0x1040;
        auto const id = static_cast<u16>(model_.device_id());
        configuration_.identify({.vendor = virtio_vendor,
                                 .device = static_cast<u16>(first_device + id),
                                 .revision = 1,
                                 .class_code = class_of(id),
                                 .subsystem_vendor = virtio_vendor,
                                 .subsystem = static_cast<u16>(first_device + id)});
        configuration_.put(pci::place::interrupt_pin, 1, 1);  // INTA
        configuration_.set_bar(0, {.bytes = Layout::bytes});
        msix_place_ = pci::add_msix(configuration_, msix_.vectors(),
                                    {.bar = 0, .table = Layout::msix_table, .pending = Layout::msix_pending})
                          .value_or(0);
        add(Structure::common, Layout::common, Register::common_bytes);
        add(Structure::interrupt, Layout::interrupt, 1);
        add(Structure::device, Layout::device, page);
        add(Structure::notify, Layout::notify, most_queues * notify_stride, notify_stride);
        window_ = add(Structure::window, 0, 0, 0);
        configuration_.allow(window_ + window_bar, 1, 0xff);
        configuration_.allow(window_ + window_offset, 4, 0xffff'ffff);
        configuration_.allow(window_ + window_length, 4, 0xffff'ffff);
        configuration_.allow(window_ + window_data, 4, 0xffff'ffff);
    }

    // What kind of device it is to who does not know virtio.
    [[nodiscard]] static u32 class_of(u16 id) {
        constexpr u16 network = 1, block = 2;
        if (id == network) return 0x02'0000;
        return id == block ? 0x01'8000 : 0xff'0000;
    }

    // A structure capability; `extra` are four bytes that only some have.   [virtio 4.1.4]
    Offset add(Structure kind, Offset at, u32 length, std::optional<u32> extra = std::nullopt) {
        std::array<u8, 18> body{};
        u8 const size = extra ? 20 : 16;
        body[0] = size;
        body[1] = static_cast<u8>(kind);
        pci::store(body, 6, 4, at);
        pci::store(body, 10, 4, length);
        pci::store(body, 14, 4, extra.value_or(0));
        return configuration_.add_capability(pci::capability_id::vendor, std::span{body}.first(size - 2u))
            .value_or(0);
    }

    // Calls body(offset, width) where the window of the configuration space shows something of the BAR.
    // [virtio 4.1.4.9]
    template <class Body>
    void reach(Body&& body) {
        auto const offset = static_cast<Offset>(configuration_.get(window_ + window_offset, 4));
        auto const length = configuration_.get(window_ + window_length, 4);
        bool const possible = configuration_.get(window_ + window_bar, 1) == 0 &&
                              (length == 1 || length == 2 || length == 4) && offset % length == 0 &&
                              offset < Layout::bytes;
        if (possible) body(offset, static_cast<Width>(length));
    }

    // Of any width, as parts of words.
    [[nodiscard]] u64 read_common(Offset at, Width width) const {
        u64 value = 0;
        auto const bytes = static_cast<u32>(width);
        for (Offset word = at & ~3u; word < at + bytes; word += 4) {
            auto const part = u64{common_word(word)};
            value |= word >= at ? part << (8 * (word - at)) : part >> (8 * (at - word));
        }
        return bytes == 8 ? value : value & ((u64{1} << (8 * bytes)) - 1);
    }
    [[nodiscard]] u32 common_word(Offset at) const {
        bool const is_queue = selected_ < this->queues();
        auto const& queue = this->queues_[is_queue ? selected_ : 0];
        if (at >= Register::queue_areas && at < Register::common_bytes && is_queue) {
            auto const which = (at - Register::queue_areas) / 4;
            return static_cast<u32>(queue.areas[which / 2] >> (32 * (which % 2)));
        }
        switch (at) {
            case Register::device_select: return device_select_;
            case Register::device_features: return this->offered_word();
            case Register::driver_select: return driver_select_;
            case Register::driver_features: return this->chosen_word();
            case Register::config_vector: return config_vector_ | this->queues() << 16;
            case Register::status:
                return status_ | (generation_ & 0xff) << 8 | u32{static_cast<u16>(selected_)} << 16;
            case Register::queue_size:
                return is_queue ? (queue.size & 0xffff) | u32{queue_vectors_[selected_]} << 16
                                : u32{no_vector} << 16;
            case Register::queue_enable: return is_queue ? (queue.ready ? 1u : 0u) | selected_ << 16 : 0u;
            default: return 0;
        }
    }

    // Each field in its own width.   [virtio 4.1.3]
    void write_common(Offset at, Width width, u64 value) {
        auto const word = static_cast<u32>(value);
        if (width == Width::doubleword) {
            write_common(at, Width::word, word);
            return write_common(at + 4, Width::word, value >> 32);
        }
        if (width == Width::word) return write_word(at, word);
        auto const half = static_cast<u16>(value);
        if (at == Register::status && width == Width::byte) return this->set_status(word & 0xff);
        if (width != Width::half) return;
        switch (at) {
            case Register::config_vector: config_vector_ = vector_of(half); break;
            case Register::queue_select: selected_ = half; break;
            case Register::queue_size: this->set_size(half); break;
            case Register::queue_vector:
                if (selected_ < this->queues()) queue_vectors_[selected_] = vector_of(half);
                break;
            case Register::queue_enable:
                if (half == 1) this->set_ready(true);
                break;
            default: break;
        }
    }
    void write_word(Offset at, u32 word) {
        if (at >= Register::queue_areas && at < Register::common_bytes && at % 4 == 0) {
            auto const which = (at - Register::queue_areas) / 4;
            return this->set_address(which / 2, which % 2 != 0, word);
        }
        switch (at) {
            case Register::device_select: device_select_ = word; break;
            case Register::driver_select: driver_select_ = word; break;
            case Register::driver_features: this->set_features(word); break;
            default: break;
        }
    }

    // One that does not exist reads back as none.   [virtio 4.1.5.1.2]
    [[nodiscard]] u16 vector_of(u16 wanted) const { return wanted < msix_.vectors() ? wanted : no_vector; }

    // Messages are writes to memory.
    void send(u16 vector) {
        if (configuration_.is_master()) msix_.raise(vector);
    }

    [[nodiscard]] u64 take_interrupts() {
        auto const taken = std::exchange(interrupts_, u8{0});
        show_pin();
        return taken;
    }

    void tell_status() {
        auto const bits = configuration_.get(pci::place::status, 2) & ~u64{pci::status::interrupt};
        bool const asks = interrupts_ != 0 && !msix_.is_enabled();
        configuration_.put(pci::place::status, 2, bits | (asks ? pci::status::interrupt : 0));
    }

    void show_pin() {
        bool const silent =
            msix_.is_enabled() || (configuration_.command() & pci::command::no_interrupt) != 0;
        bool const level = interrupts_ != 0 && !silent;
        if (level != std::exchange(level_, level)) pin_.set(level);
    }

    void is_reset() {
        interrupts_ = 0;
        config_vector_ = no_vector;
        queue_vectors_.fill(no_vector);
        show_pin();
    }

    Pin pin_;
    pci::Msix<Sink, most_queues + 1> msix_;
    Offset msix_place_ = 0;
    Offset window_ = 0;
    u32 generation_ = 0;
    u8 interrupts_ = 0;
    bool level_ = false;  // of the pin
    u16 config_vector_ = no_vector;
    std::array<u16, most_queues> queue_vectors_{};
};

}  // namespace antler::device::virtio
