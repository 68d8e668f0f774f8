// The client's end of the control channel: asks the hypervisor, and hears what it tells.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "abi/control.hpp"
#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/places.hpp"

namespace antler::cli {

namespace wire = abi::control;

// A frame that came, kept.
struct Said {
    wire::Header header{};
    std::vector<u8> payload{};

    [[nodiscard]] wire::Type type() const { return static_cast<wire::Type>(header.type); }
    // Texts in the answer are views into this.
    template <wire::Message M>
    [[nodiscard]] M as() const {
        M message;
        if (!wire::decode(message, payload))
            throw Failure{ExitCode::internal, "The hypervisor said something that cannot be understood."};
        return message;
    }
};

struct Answer {
    wire::Status status{};
    std::string sentence{};
    Said reply{};
    std::vector<Said> items{};

    [[nodiscard]] bool ok() const { return status == wire::Status::ok; }
    // What follows the status; only where it is ok.
    template <wire::Message M>
    [[nodiscard]] M body() const {
        return reply.as<wire::ReplyWith<M>>().body;
    }
};

class ControlClient {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds patience{5'000};

    // Connects to the first line that nobody else has, of the socket and those beside it, and says hello; a
    // Failure where nobody answers.
    explicit ControlClient(Path const& socket);

    [[nodiscard]] std::string const& version() const { return version_; }
    [[nodiscard]] u64 instance() const { return instance_; }

    // The answer, whatever it says; a Failure where none comes.  `busy` is asked again until it is not.
    template <wire::Message M>
    [[nodiscard]] Answer ask(wire::Type type, M const& message, std::chrono::milliseconds limit = patience) {
        auto const end = Clock::now() + limit;
        for (;;) {
            auto answer = wait_for_reply(send(type, message), end);
            if (answer.status != wire::Status::busy || Clock::now() >= end) return answer;
            wait_a_little();
        }
    }

    // For windows and input: the sequence of a request whose reply is among what next() says.
    template <wire::Message M>
    u32 send(wire::Type type, M const& message) {
        auto const frame = wire::encode_frame(
            *room_, {.kind = wire::Kind::request, .type = static_cast<u16>(type), .sequence = ++sequence_},
            message);
        if (frame.empty()) throw Failure{ExitCode::bad_input, "That is too long for the hypervisor."};
        write({reinterpret_cast<char const*>(frame.data()), frame.size()});
        return sequence_;
    }
    // What was said next, events and replies to send() alike; nothing within `limit`.
    [[nodiscard]] std::optional<Said> next(std::chrono::milliseconds limit);

    // To wait for together with others: readable, or something waits already.
    [[nodiscard]] int descriptor() const { return socket_.get(); }
    [[nodiscard]] bool has_something();

private:
    void write(std::string_view bytes);
    void take_line(Path const& first);
    void greet();
    [[nodiscard]] Answer wait_for_reply(u32 sequence, Clock::time_point end);
    [[nodiscard]] std::optional<Said> receive(Clock::time_point end);
    static void wait_a_little();

    Descriptor lock_;  // of the line we have
    Descriptor socket_;
    std::unique_ptr<std::array<u8, wire::most_frame>> room_ =
        std::make_unique<std::array<u8, wire::most_frame>>();
    std::unique_ptr<wire::FrameFinder<>> finder_ = std::make_unique<wire::FrameFinder<>>();
    std::deque<Said> events_{};
    u32 sequence_ = 0;
    std::string version_{};
    u64 instance_ = 0;
};

// The answer of a request that has to go well: what it says otherwise is the sentence of a Failure.
[[nodiscard]] Answer must(Answer answer, std::string const& what);

}  // namespace antler::cli
