// One named port of the board's virtio console: bytes both ways, never waiting.   [virtio 5.3]
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
    static constexpr u64 memory_bytes = u64{64} << 10;

    // Starts the device; the port with this name is found once the device has told of it.
    [[nodiscard]] Result<void> start(VirtioTransport& transport, std::span<u8> memory, std::string_view name);

    // The host's end is open, as far as the device has said.
    [[nodiscard]] bool connected();
    [[nodiscard]] usize receive(std::span<u8> into);
    [[nodiscard]] usize send(std::span<u8 const> bytes);

    void interrupted() override;

private:
    // Port 0 and port 1, which is the first that QEMU gives a port with a name.
    static constexpr u32 ports = 2;
    static constexpr u16 entries = 16;
    static constexpr u32 control_bytes = 128;  // of a message with a name behind it
    static constexpr u32 receive_bytes = 1024;
    static constexpr u32 send_bytes = 1024;

    struct Control {  // [virtio 5.3.6.2]
        u32 id;
        u16 event;
        u16 value;
    };

    [[nodiscard]] u8* buffer(DriverQueue const& queue, u32 index) const;
    void offer(DriverQueue& queue, u16 number, u32 index, u32 bytes);
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
    std::array<DriverQueue, ports> in_{};
    std::array<DriverQueue, ports> out_{};
    u32 port_ = ports;  // the one that has the name; none yet
    std::array<bool, ports> open_{};
    bool was_closed_ = false;  // since somebody asked
    u32 control_said_ = 0;     // which buffer the next control message takes
    u32 sending_ = 0;          // which buffer send() fills next
    // What came and was not taken.
    u32 arrived_ = 0;
    u32 arrived_bytes_ = 0;
    u32 arrived_taken_ = 0;
};

}  // namespace antler::platform
