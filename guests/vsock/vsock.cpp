// Streams to the host: echoes at port 7, sources and sinks at 19 and 9, calls out, and a guest with no
// manners.
#include <array>
#include <cstring>
#include <new>

#include "guests/vsock/socket.hpp"

namespace antler::guests {
namespace {

namespace vsock = abi::virtio::vsock;

constexpr u32 sink_port = 9, echo_port = 7, source_port = 19;
constexpr u32 source_line = 64;  // bytes
constexpr u32 source_bytes = 2000 * source_line;
constexpr u32 calling_port = 1024;

u64 milliseconds(u64 n) {
    return now() + guest().hertz / 1000 * n;
}

// Numbered lines.
u8 source_byte(u32 at) {
    constexpr u32 digits = 7;
    auto const place = at % source_line;
    if (place == source_line - 1) return '\n';
    if (place >= digits) return '.';
    u32 line = at / source_line;
    for (u32 i = place + 1; i < digits; ++i) line /= 10;
    return static_cast<u8>('0' + line % 10);
}

struct Stream {
    static constexpr u32 buffer_bytes = 8192;

    bool open = false;
    u32 host_port = 0, guest_port = 0;
    u32 host_buffer = 0, host_took = 0, sent = 0;
    u32 received = 0, forwarded = 0;
    u32 left = 0;  // to be said by a source
    bool host_ended = false;
    u32 held = 0;
    std::array<u8, buffer_bytes> bytes{};

    [[nodiscard]] u32 credit() const {
        auto const there = sent - host_took;
        return there >= host_buffer ? 0 : host_buffer - there;
    }
};

class Talk {
public:
    explicit Talk(Socket& socket) : socket_{socket} {}

    [[nodiscard]] Header header(Operation operation, u32 host_port, u32 guest_port) const {
        return {.source_cid = socket_.cid(),
                .destination_cid = vsock::host_cid,
                .source_port = guest_port,
                .destination_port = host_port,
                .type = vsock::type_stream,
                .operation = operation,
                .buffer_bytes = Stream::buffer_bytes};
    }
    void say(Stream& stream, Operation operation, std::span<u8 const> data = {}, u32 flags = 0) {
        auto packet = header(operation, stream.host_port, stream.guest_port);
        packet.length = static_cast<u32>(data.size());
        packet.flags = flags;
        packet.forwarded = stream.forwarded;
        stream.sent += packet.length;
        socket_.send(packet, data);
    }

    // Serves what comes until a stream has said "quit".
    void serve() {
        while (!quit_) turn(milliseconds(1000));
    }

    // True: the host let us in, said something, and ended the stream.
    [[nodiscard]] bool call(u32 port) {
        // Nobody may listen yet.
        for (u32 tries = 0; tries < 300; ++tries) {
            Stream& stream = streams_[0];
            stream = {.host_port = port, .guest_port = calling_port + tries};
            calling_ = true;
            say(stream, Operation::request);
            while (calling_) turn(milliseconds(1000));
            if (!stream.open) {
                auto const later = milliseconds(100);
                while (now() < later) turn(later);
                continue;
            }
            say("vsock: it let us in at try {}", tries + 1);
            constexpr std::string_view words = "hello from the guest\n";
            say(stream, Operation::data, {reinterpret_cast<u8 const*>(words.data()), words.size()});
            while (stream.open) turn(milliseconds(1000));
            return heard_ != 0;
        }
        return false;
    }

    // The answer to a packet that is none of ours.
    [[nodiscard]] std::optional<Header> answer() {
        auto const until = milliseconds(2000);
        while (now() < until) {
            if (auto const packet = socket_.receive()) return packet->header;
            socket_.wait(until);
        }
        return std::nullopt;
    }

private:
    template <class... Values>
    static void say(std::string_view format, Values const&... values) {
        guests::say(format, values...);
    }

    void turn(u64 until) {
        bool heard = false;
        while (auto const packet = socket_.receive()) {
            hear(*packet);
            heard = true;
        }
        for (auto& stream : streams_)
            if (stream.open) answer(stream);
        if (!heard) socket_.wait(until);
    }

    [[nodiscard]] Stream* find(Header const& header) {
        for (auto& stream : streams_)
            if ((stream.open || (calling_ && &stream == &streams_[0])) &&
                stream.host_port == header.source_port && stream.guest_port == header.destination_port)
                return &stream;
        return nullptr;
    }

    void hear(Socket::Packet const& packet) {
        auto const& header = packet.header;
        if (header.operation == Operation::request) return begin(header);
        auto* const stream = find(header);
        if (stream == nullptr) return refuse(header);
        stream->host_buffer = header.buffer_bytes;
        stream->host_took = header.forwarded;
        switch (header.operation) {
            case Operation::response:
                stream->open = true;
                calling_ = false;
                return;
            case Operation::reset: return end(*stream);
            case Operation::shutdown:
                if ((header.flags & vsock::no_more_receiving) != 0) {
                    say(*stream, Operation::reset);
                    return end(*stream);
                }
                stream->host_ended = true;
                return;
            case Operation::data: return take(*stream, packet.data);
            case Operation::credit_request: return say(*stream, Operation::credit_update);
            case Operation::invalid:
            case Operation::request:
            case Operation::credit_update: return;
        }
    }

    void begin(Header const& header) {
        auto const port = header.destination_port;
        for (auto& stream : streams_) {
            if (stream.open || (port != echo_port && port != sink_port && port != source_port)) continue;
            stream = {.open = true,
                      .host_port = header.source_port,
                      .guest_port = port,
                      .host_buffer = header.buffer_bytes,
                      .left = port == source_port ? source_bytes : 0};
            return say(stream, Operation::response);
        }
        refuse(header);
    }
    void refuse(Header const& header) {
        if (header.operation != Operation::reset)
            socket_.send(this->header(Operation::reset, header.source_port, header.destination_port));
    }
    void end(Stream& stream) {
        if (stream.open)
            say("vsock: a stream at port {} has ended, {} bytes in, {} out", stream.guest_port,
                stream.received, stream.sent);
        stream.open = false;
        calling_ = calling_ && &stream != &streams_[0];
    }

    void take(Stream& stream, std::span<u8 const> data) {
        stream.received += static_cast<u32>(data.size());
        if (data.size() > Stream::buffer_bytes - stream.held)
            give_up("the host sends more than we have room for");
        constexpr std::string_view last = "quit\n";
        quit_ =
            quit_ || (data.size() == last.size() && std::memcmp(data.data(), last.data(), last.size()) == 0);
        if (stream.guest_port != echo_port) {
            stream.forwarded = stream.received;
            if (stream.guest_port != sink_port) heard(data);
            if (stream.guest_port == sink_port || stream.guest_port == source_port)
                say(stream, Operation::credit_update);
            return;
        }
        std::memcpy(stream.bytes.data() + stream.held, data.data(), data.size());
        stream.held += static_cast<u32>(data.size());
    }
    void heard(std::span<u8 const> data) {
        heard_ += static_cast<u32>(data.size());
        say("vsock: the host says {}",
            std::string_view{reinterpret_cast<char const*>(data.data()), data.size()});
    }

    // What an echo or a source has to say.
    void answer(Stream& stream) {
        while (stream.held != 0 && stream.credit() != 0) {
            auto const count = std::min({stream.held, stream.credit(), Socket::most_data});
            stream.forwarded += count;
            say(stream, Operation::data, std::span{stream.bytes}.first(count));
            stream.held -= count;
            std::memmove(stream.bytes.data(), stream.bytes.data() + count, stream.held);
        }
        while (stream.left != 0 && stream.credit() != 0) {
            std::array<u8, 2048> bytes;
            auto const count = std::min({stream.left, stream.credit(), static_cast<u32>(bytes.size())});
            for (u32 i = 0; i < count; ++i) bytes[i] = source_byte(source_bytes - stream.left + i);
            stream.left -= count;
            say(stream, Operation::data, std::span{bytes}.first(count));
            if (stream.left == 0) stream.host_ended = true;
        }
        if (!stream.host_ended || stream.held != 0 || stream.left != 0) return;
        // Both have said everything: the host's end answers with a reset.
        stream.host_ended = false;
        say(stream, Operation::shutdown, {}, vsock::no_more_receiving | vsock::no_more_sending);
    }

    Socket& socket_;
    std::array<Stream, 8> streams_{};
    bool calling_ = false;  // streams_[0]
    bool quit_ = false;
    u32 heard_ = 0;
};

// Packets that break every rule there is; each has the answer that it should.
void be_rude(Socket& socket, Talk& talk) {
    auto const is_reset = [&](std::string_view what, Header const& header) {
        socket.send(header);
        auto const answer = talk.answer();
        check(what, answer && answer->operation == Operation::reset &&
                        answer->destination_port == header.source_port &&
                        answer->source_port == header.destination_port);
    };
    for (u16 operation = 2; operation < 12; ++operation)
        if (Operation{operation} != Operation::reset)
            is_reset("a packet of no stream is reset", talk.header(Operation{operation}, 5000, operation));
    is_reset("nobody listens at that port", talk.header(Operation::request, 5000, 90));
    auto header = talk.header(Operation::request, 5000, 91);
    header.type = 7;
    is_reset("an unknown type is reset", header);
    header = talk.header(Operation::request, 5000, 92);
    header.destination_cid = 4;
    is_reset("another VM is out of reach", header);
    header = talk.header(Operation::data, 5000, 93);
    header.length = ~0u;
    is_reset("a length of 4 GiB", header);
    // These are lost, and the next is answered.
    header = talk.header(Operation::request, 5000, 94);
    header.source_cid = 99;
    socket.send(header);
    socket.send(talk.header(Operation::reset, 5000, 95));
    socket.send_raw(std::span{reinterpret_cast<u8 const*>(&header), 20});
    is_reset("what is lost holds up nothing", talk.header(Operation::request, 5000, 96));
    // So many that answers have to wait for room.
    for (u16 i = 0; i < 200; ++i) {
        socket.send(talk.header(Operation::data, 6000, 1000 + i));
        while (socket.receive()) {
        }
    }
    check("the device goes on", !socket.needs_reset());
}

}  // namespace

void run() {
    Socket socket;
    // Too large for a stack.
    auto& talk = *new (reinterpret_cast<void*>(take_pages(sizeof(Talk) / 4096 + 1))) Talk{socket};
    say("vsock: cid {}", socket.cid());
    if (told("rude")) be_rude(socket, talk);
    if (auto const port = number_of("call="); port != 0) check("the host answered a call", talk.call(port));
    if (told("serve")) {
        talk.serve();
        check("it was told to end", true);
    }
}

}  // namespace antler::guests
