// A virtio console with many ports: bytes in both directions, and messages about the ports.   [virtio 5.3]
#pragma once

#include <concepts>

#include "device/counters.hpp"
#include "device/virtio/chain_bytes.hpp"
#include "device/virtio/console_size.hpp"
#include "device/virtio/model.hpp"
#include "device/virtio/queue_set.hpp"

namespace antler::device::virtio {

namespace console_feature {
inline constexpr u64 size = u64{1} << 0, many_ports = u64{1} << 1, emergency_write = u64{1} << 2;
}

template <class W>
concept ConsoleWire = requires(W& wire, u32 port, std::string_view text, std::span<u8> into) {
    wire.write(port, text);                            // what the guest says
    { wire.read(port, into) } -> std::same_as<usize>;  // what was typed, as much as fits
    { wire.name(port) } -> std::same_as<std::string_view>;
    { wire.size(port) } -> std::same_as<ConsoleSize>;
    wire.call_again();  // work() is to be called soon
};

struct ConsoleOptions {
    u32 ports = 1;
};

// What both sides tell each other of ports, as a word of a message.     [virtio 5.3.6.2]
struct ConsoleEvents {
    enum Event : u16 {
        device_ready,
        port_add,
        port_remove,
        port_ready,
        is_console,
        resize,
        port_open,
        port_name
    };
};

// Port 0 is the guest's hvc0, the others have names.
template <GuestMemory M, ConsoleWire W>
class Console final : public Model {
public:
    static constexpr u32 most_ports = 3;
    static constexpr u32 budget = 16 * 1024;  // bytes in one go
    static constexpr u32 buffer_cost = 64;    // of a buffer, however short it is

    Console(M& memory, W& wire, ConsoleOptions const& options)
        : memory_{memory}, wire_{wire}, options_{options} {
        options_.ports = std::clamp(options_.ports, 1u, most_ports);
    }

    [[nodiscard]] std::string_view name() const override { return "virtio-console"; }
    [[nodiscard]] u32 device_id() const override { return 3; }
    [[nodiscard]] u64 features() const override {
        using namespace console_feature;
        return many_ports | emergency_write | size;
    }
    [[nodiscard]] u32 queue_count() const override { return 2 + 2 * options_.ports; }
    [[nodiscard]] u16 queue_size(u32) const override { return 64; }

    [[nodiscard]] u64 read_config(Offset offset, Width width) override {
        struct {
            u16 columns, rows;
            u32 ports, emergency;
        } const structure{wire_.size(0).columns, wire_.size(0).rows, options_.ports, 0};
        return read_structure(bytes_of(structure), offset, width);
    }
    void write_config(Offset offset, Width, u64 value) override {
        if (offset != emergency_offset) return;
        auto const c = static_cast<char>(value);
        wire_.write(0, {&c, 1});
    }

    void start(Transport& transport, u64 features, std::span<RingPlace const> places) override {
        many_ = (features & console_feature::many_ports) != 0;
        has_size_ = (features & console_feature::size) != 0;
        queues_.open(memory_, transport, features, many_ ? places : places.first(2));
        if (!many_) ports_[0].guest_listens = true;
        wire_.call_again();
    }
    void stop() override {
        queues_.close();
        ports_ = {};
        to_say_ = {};
        many_ = false;
    }
    void notify(u32) override {
        if (work()) wire_.call_again();
    }
    [[nodiscard]] bool work() override {
        if (!queues_.is_open()) return false;
        u32 left = budget;
        hear_control(left);
        speak_control(left);
        for (u32 port = 0; port < options_.ports; ++port) {
            say(port, left);
            type(port, left);
        }
        return queues_.publish(*this) && left == 0;
    }

    // The terminal behind a port has another size.  With the device's lock held.
    void resized(u32 port) {
        if (port >= options_.ports || !has_size_) return;
        if (!many_) return queues_.tell_of_configuration();
        if (ports_[port].is_console) to_say_[port] |= bit(resize);
        wire_.call_again();
    }

    void counters(CounterVisitor& each) const {
        each("said_bytes", said_);
        each("typed_bytes", typed_);
    }

private:
    static constexpr Offset emergency_offset = 8;
    static constexpr u32 control_to_guest = 2, control_to_device = 3;
    [[nodiscard]] static constexpr u32 queue_of(u32 port) { return port == 0 ? 0 : 2 + 2 * port; }

    struct Message {
        u32 port;
        u16 event, value;
    };
    static_assert(sizeof(Message) == 8);
    using Event = ConsoleEvents::Event;
    using enum ConsoleEvents::Event;

    struct Port {
        bool guest_listens = false;
        bool is_console = false;  // and the driver was told
    };

    [[nodiscard]] bool knows_size(u32 port) { return wire_.size(port).columns != 0; }
    static void spend(u32& left, u32 cost) { left -= std::min(left, cost + buffer_cost); }
    [[nodiscard]] static constexpr u32 bit(Event event) { return u32{1} << event; }

    // What the driver says about its ports.
    void hear_control(u32& left) {
        auto& queue = queues_[control_to_device];
        while (left != 0 && queues_.next(control_to_device, chain_)) {
            Message message{};
            auto const count = read_chain(memory_, chain_, 0, bytes_of(message));
            if (!count) return queue.break_it();
            queue.use(chain_, 0);
            spend(left, sizeof message);
            if (*count == sizeof message) hear(message);
        }
    }
    void hear(Message const& message) {
        bool const yes = message.value == 1;
        if (message.event == device_ready) {
            for (u32 port = 0; yes && port < options_.ports; ++port) to_say_[port] |= bit(port_add);
            return;
        }
        if (message.port >= options_.ports) return;
        if (message.event == port_ready && yes) {
            auto& say = to_say_[message.port];
            if (message.port == 0) {
                say |= bit(is_console) | (has_size_ && knows_size(0) ? bit(resize) : 0);
                ports_[0].is_console = true;
            }
            say |= bit(port_name) | bit(port_open);
        } else if (message.event == port_open) {
            ports_[message.port].guest_listens = yes;
        }
    }

    // What the driver has to know, as soon as it has room for it.
    void speak_control(u32& left) {
        auto& queue = queues_[control_to_guest];
        for (u32 port = 0; port < options_.ports; ++port) {
            for (auto const event : {port_add, is_console, resize, port_name, port_open}) {
                if ((to_say_[port] & bit(event)) == 0) continue;
                if (left == 0 || !queues_.next(control_to_guest, chain_)) return;
                to_say_[port] &= ~bit(event);
                if (!speak(queue, port, event)) return queue.break_it();
                spend(left, sizeof(Message));
            }
        }
    }
    [[nodiscard]] bool speak(Queue<M>& queue, u32 port, Event event) {
        std::array<u8, 64> bytes{};
        Message const message{port, event, 1};
        usize count = sizeof message;
        __builtin_memcpy(bytes.data(), &message, sizeof message);
        auto const append = [&](void const* from, usize size) {
            size = std::min(size, bytes.size() - count);
            __builtin_memcpy(bytes.data() + count, from, size);
            count += size;
        };
        if (event == resize) {
            auto const size = wire_.size(port);
            append(&size, sizeof size);
        } else if (event == port_name) {
            auto const text = wire_.name(port);
            append(text.data(), text.size());
        }
        auto const written = write_chain(memory_, chain_, std::span{bytes}.first(count));
        if (!written) return false;
        queue.use(chain_, *written);
        return true;
    }

    // From the guest to people.
    void say(u32 port, u32& left) {
        auto& queue = queues_[queue_of(port) + 1];
        while (left != 0 && queues_.next(queue_of(port) + 1, chain_)) {
            std::array<char, 256> text;
            auto const most = std::min(chain_.readable_bytes, budget);
            for (u32 done = 0; done < most;) {
                auto const piece = std::min(most - done, static_cast<u32>(text.size()));
                auto const bytes = std::span{reinterpret_cast<u8*>(text.data()), piece};
                if (!read_chain(memory_, chain_, done, bytes)) return queue.break_it();
                wire_.write(port, {text.data(), piece});
                done += piece;
            }
            said_ += most;
            spend(left, most);
            queue.use(chain_, 0);
        }
    }

    // From people to the guest.
    void type(u32 port, u32& left) {
        auto& queue = queues_[queue_of(port)];
        if (!ports_[port].guest_listens) return;
        while (left != 0) {
            auto const before = queue.mark();
            if (!queues_.next(queue_of(port), chain_)) return;
            std::array<u8, 256> bytes;
            auto const room = std::min(chain_.writable_bytes, static_cast<u32>(bytes.size()));
            auto const count = wire_.read(port, std::span{bytes}.first(room));
            if (count == 0 && room != 0) return queue.rewind(before);
            auto const written = write_chain(memory_, chain_, std::span{bytes}.first(count));
            if (!written) return queue.break_it();
            typed_ += count;
            spend(left, static_cast<u32>(count));
            queue.use(chain_, *written);
        }
    }

    M& memory_;
    W& wire_;
    ConsoleOptions options_;
    bool many_ = false;
    bool has_size_ = false;
    QueueSet<M, 2 + 2 * most_ports> queues_{};
    std::array<Port, most_ports> ports_{};
    std::array<u32, most_ports> to_say_{};  // events, by bit
    u64 said_ = 0;
    u64 typed_ = 0;
    Chain chain_;  // the one at hand, which is larger than a frame may be
};

}  // namespace antler::device::virtio
