// Both ends of a control channel, and a machine with two VMs behind the server.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "control/channel.hpp"
#include "control/operations.hpp"

namespace antler::fake {

namespace wire = abi::control;

struct Channel final : control::Channel {
    bool there = true;
    std::deque<u8> in{};        // towards the server
    std::vector<u8> out{};      // from it
    usize takes = ~usize{0};    // bytes that the other end takes before it stops
    usize largest_piece = 100;  // of one receive() or send()

    bool connected() override { return there; }
    usize receive(std::span<u8> into) override {
        usize count = 0;
        for (; count < into.size() && count < largest_piece && !in.empty(); ++count) {
            into[count] = in.front();
            in.pop_front();
        }
        return count;
    }
    usize send(std::span<u8 const> bytes) override {
        auto const count = std::min({bytes.size(), takes, largest_piece});
        out.insert(out.end(), bytes.begin(), bytes.begin() + static_cast<long>(count));
        takes -= count;
        return count;
    }
};

struct Operations final : control::Operations {
    std::array<std::string, 2> names{"linux", "rtos"};
    std::vector<std::string> done{};
    u32 again = 0;  // so often is a call not done yet
    control::Outcome next{};
    std::string dump{};
    std::string created{};
    u32 inputs = 0;
    std::vector<backend::Event> told{};

    control::Outcome outcome(std::string what) {
        if (again != 0) {
            --again;
            return {.again = true};
        }
        done.push_back(std::move(what));
        return next;
    }

    wire::Welcome welcome() override { return {.instance = 42, .version = "test"}; }
    wire::HostInfo host() override { return {.harts = 2, .vms = 2, .version = "test"}; }
    bool hart(u32 index, wire::HartInfo& into) override {
        into = {.index = index, .running = "rtos"};
        return index < 2;
    }
    bool iommu(u32 index, wire::IommuInfo& into) override {
        into = {.index = index, .kind = "iommu-sys", .levels = 3, .tells = "wire"};
        return index < 1;
    }
    std::optional<u32> find_vm(std::string_view name) override {
        for (u32 i = 0; i < 2; ++i)
            if (names[i] == name) return i * 10;
        return std::nullopt;
    }
    std::optional<u32> vm_from(u32 id) override {
        if (id == 0) return 0;
        return id <= 10 ? std::optional<u32>{10} : std::nullopt;
    }
    bool vm(u32 id, wire::VmInfo& into) override {
        into = {.id = id,
                .state = wire::VmState::running,
                .name = names[id / 10],
                .vcpus = 2,
                .vsock_cid = id == 0 ? 3u : 0u};
        return true;
    }
    bool vcpu(u32, u32 index, wire::VcpuInfo& into) override {
        into = {.index = index};
        return index < 2;
    }
    bool statistics(u32, wire::VmStatistics& into) override {
        into = {.run_time = 5};
        return true;
    }
    bool vcpu_statistics(u32, u32 index, wire::VcpuStatistics& into) override {
        into = {.index = index, .run_time = 7};
        return index < 2;
    }
    bool counter(u32, u32 index, wire::DeviceCounter& into) override {
        into = {"disk0", "reads", index};
        return index < 3;
    }
    control::Outcome act(wire::Type what, u32 id) override {
        return outcome("act " + std::to_string(static_cast<u32>(what)) + " " + names[id / 10]);
    }
    control::Outcome pin(u32, u32, u64) override { return outcome("pin"); }
    control::Outcome share(u32, u32, u32) override { return outcome("share"); }
    control::Outcome set_memory(u32, u64) override { return outcome("memory"); }
    control::Outcome set_link(u32, u32 card, bool up) override {
        return outcome("link " + std::to_string(card) + (up ? " up" : " down"));
    }
    control::Outcome create_begin(u64) override { return outcome("begin"); }
    control::Outcome create_data(u64 offset, std::span<u8 const> bytes) override {
        auto const answer = outcome("data");
        if (!answer.again) {
            created.resize(offset);
            created.append(bytes.begin(), bytes.end());
        }
        return answer;
    }
    control::Outcome create_commit(bool, u32& id) override {
        id = 10;
        return outcome("commit");
    }
    void create_abort() override { done.emplace_back("abort"); }
    void tell(backend::Event const& event) override { told.push_back(event); }
    void input_waits(u32) override { ++inputs; }
    control::Outcome resize_console(u32, u32) override { return outcome("resize"); }
    void window_changed(u32 handle) override { (void)outcome("window " + std::to_string(handle)); }
    // Streams: a guest that answers when the test says so.
    struct Stream {
        control::StreamPlace at{};
        device::virtio::StreamState state{};
        u32 port = 0;
        bool taken = true;
        bool finished = false;  // by the host
        bool closed = false;
        bool at_once = false;
        std::string to_host{};
        std::string to_guest{};
    };
    static constexpr u32 guest_room = 8'192;
    std::deque<Stream> streams{};

    Stream& knock(u32 port) {
        auto& stream = add_stream(port, device::virtio::StreamState::Stage::knocking);
        stream.taken = false;
        return stream;
    }
    Stream& add_stream(u32 port, device::virtio::StreamState::Stage stage) {
        auto& stream = streams.emplace_back();
        stream.at = {0, streams.size()};
        stream.port = port;
        stream.state = {.stage = stage, .writable = guest_room, .host_port = 77};
        return stream;
    }
    Stream* stream(control::StreamPlace at) {
        return at.stream - 1 < streams.size() ? &streams[at.stream - 1] : nullptr;
    }
    control::Outcome call_guest(u32 id, u32 port, control::StreamPlace& into) override {
        if (next.status != wire::Status::ok) return next;
        auto& made = add_stream(port, device::virtio::StreamState::Stage::calling);
        made.at.vm = id;
        into = made.at;
        return {};
    }
    std::optional<control::Caller> take_call(control::PortSet const& ports) override {
        for (auto& one : streams) {
            if (one.taken || !ports.contains(one.port)) continue;
            one.taken = true;
            return control::Caller{.at = one.at, .vm = names[0], .cid = 3, .guest_port = 9, .port = one.port};
        }
        return std::nullopt;
    }
    device::virtio::StreamState stream_state(control::StreamPlace at) override {
        auto* const one = stream(at);
        if (one == nullptr) return {};
        one->state.readable = static_cast<u32>(one->to_host.size());
        one->state.writable = guest_room - static_cast<u32>(one->to_guest.size());
        return one->state;
    }
    void accept_stream(control::StreamPlace at) override {
        stream(at)->state.stage = device::virtio::StreamState::Stage::open;
    }
    u32 read_stream(control::StreamPlace at, std::span<u8> into) override {
        auto& from = stream(at)->to_host;
        auto const count = std::min(from.size(), into.size());
        std::copy_n(from.begin(), count, into.begin());
        from.erase(0, count);
        return static_cast<u32>(count);
    }
    u32 write_stream(control::StreamPlace at, std::span<u8 const> bytes) override {
        auto& to = stream(at)->to_guest;
        auto const count = std::min(bytes.size(), guest_room - to.size());
        to.append(bytes.begin(), bytes.begin() + static_cast<long>(count));
        return static_cast<u32>(count);
    }
    void finish_stream(control::StreamPlace at) override { stream(at)->finished = true; }
    void close_stream(control::StreamPlace at, bool at_once) override {
        stream(at)->closed = true;
        stream(at)->at_once = at_once;
    }

    std::string_view panic_dump() override { return dump; }
    void erase_panic_dump() override { dump.clear(); }
    void panic() override { done.emplace_back("panic"); }
    control::Outcome stall(u32 hart, Nanos duration) override {
        done.push_back("stall " + std::to_string(hart) + " " + std::to_string(duration.n));
        return {};
    }
};

}  // namespace antler::fake
