// The named ports of the board's virtio console: bytes both ways, never waiting.   [virtio 5.3]
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "platform/interrupt_table.hpp"
#include "platform/virtio_device.hpp"

namespace antler::platform {

// One hart at a time calls everything but interrupted(), which any hart may.
class VirtioSerial final : public InterruptHandler {
public:
    // `wake` is told, on any hart, that there may be something to do.
    explicit VirtioSerial(void (*wake)()) : wake_{wake} {}

    // Zeroed, page-aligned house memory for queues and buffers.
    static constexpr u64 memory_bytes = u64{144} << 10;

    // Starts the device.  The ports with this name, or this name and a dot and more, are lines 0, 1 and so
    // on, by the port's number, once the device has told of them.
    [[nodiscard]] Result<void> start(VirtioTransport& transport, std::span<u8> memory, std::string_view name);

    static constexpr u32 lines = 4;
    // The host's end is open, as far as the device has said.
    [[nodiscard]] bool connected(u32 line);
    [[nodiscard]] usize receive(u32 line, std::span<u8> into);
    [[nodiscard]] usize send(u32 line, std::span<u8 const> bytes);

    void interrupted() override;

private:
    // QEMU keeps port 0 for a console, and numbers those with a name from 1 on.
    static constexpr u32 ports = lines + 1;
    static constexpr u16 entries = 8;
    static constexpr u16 control_entries = 32;
    static constexpr u32 control_bytes = 128;  // of a message with a name behind it
    static constexpr u32 receive_bytes = 1024;
    static constexpr u32 send_bytes = 1024;

    struct Control {  // [virtio 5.3.6.2]
        u32 id;
        u16 event;
        u16 value;
    };

    struct Port {
        DriverQueue in{};
        DriverQueue out{};
        bool named = false;
        bool open = false;
        bool was_closed = false;  // since somebody asked
        u32 sending = 0;          // which buffer send() fills next
        // What came and was not taken.
        u32 arrived = 0;
        u32 arrived_bytes = 0;
        u32 arrived_taken = 0;
    };

    [[nodiscard]] u8* control_buffer(bool in, u32 index) const;
    [[nodiscard]] u8* buffer(u32 port, bool in, u32 index) const;
    void offer(DriverQueue& queue, u16 number, u8* buffer, u32 index, u32 bytes);
    void serve_control();
    void heard(Control const& message, std::string_view name);
    void say(u32 id, u16 event, u16 value);
    void port_found(u32 id);

    void (*wake_)();
    VirtioTransport* transport_ = nullptr;
    std::span<u8> memory_{};
    std::string_view name_{};
    DriverQueue control_in_{};
    DriverQueue control_out_{};
    std::array<Port, ports> ports_{};
    u32 control_said_ = 0;  // which buffer the next control message takes
};

}  // namespace antler::platform
