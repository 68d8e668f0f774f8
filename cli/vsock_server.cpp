// Doors for those who visit guests, and guests who visit.
#include "cli/vsock_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <list>
#include <map>
#include <thread>

#include "cli/instances.hpp"
#include "cli/unix_socket.hpp"
#include "cli/vsock_streams.hpp"

namespace antler::cli {
namespace {

using std::chrono::milliseconds;
using wire::Type;

constexpr usize most_visitors = 64;  // that have not said where they want to go
constexpr usize longest_line = 32;   // that says so
constexpr milliseconds between_tries{100};
constexpr milliseconds between_signs{
    5'000};  // of life; a hypervisor that panicked begins anew on the same line

struct Visitor {
    std::string vm{};
    Descriptor socket{};
    std::string said{};
};

class Server {
public:
    explicit Server(Path const& control) : control_{control}, client_{control} {
        (void)must(client_.ask(Type::subscribe, wire::Subscribe{wire::topic::vm_state}), "vsock");
        listen();
        open_doors();
    }

    // Until the machine is gone: a Failure.
    [[noreturn]] void run() {
        for (;;) turn();
    }

private:
    void turn() {
        std::vector<pollfd> waiting{{client_.descriptor(), POLLIN, 0}};
        for (auto const& [vm, door] : doors_) waiting.push_back({door.get(), POLLIN, 0});
        auto const first_visitor = waiting.size();
        for (auto const& visitor : visitors_) waiting.push_back({visitor.socket.get(), POLLIN, 0});
        auto const first_stream = waiting.size();
        streams_.add_to(waiting);
        auto const patience = client_.has_something() ? milliseconds{0} : between_signs;
        if (::poll(waiting.data(), waiting.size(), static_cast<int>(patience.count())) == 0 &&
            patience.count() != 0)
            listen();

        streams_.serve(std::span{waiting}.subspan(first_stream));
        auto at = first_visitor;
        for (auto visitor = visitors_.begin(); visitor != visitors_.end(); ++at)
            visitor = waiting[at].revents != 0 && has_decided(*visitor) ? visitors_.erase(visitor)
                                                                        : std::next(visitor);
        at = 1;
        for (auto const& [vm, door] : doors_)
            if (waiting[at++].revents != 0) let_in(vm, door);
        bool doors_changed = false;
        while (client_.has_something())
            if (auto const said = client_.next(milliseconds{0})) doors_changed = hear(*said) || doors_changed;
        if (doors_changed) open_doors();
    }

    // True: VMs have come or gone.
    bool hear(Said const& said) {
        if (said.header.kind == wire::Kind::reply && said.type() == Type::vsock_connect) {
            answer(said);
        } else if (said.header.kind == wire::Kind::event && said.type() == Type::event_vsock_incoming) {
            visit(said.as<wire::VsockIncoming>());
        } else if (said.header.kind == wire::Kind::event && said.type() == Type::event_vm_state) {
            return true;
        } else {
            streams_.hear(said);
        }
        return false;
    }

    // And hears that way whether it is still the hypervisor that we said hello to.
    void listen() {
        (void)must(client_.ask(Type::vsock_listen, wire::VsockListen{.port = wire::every_port, .on = true}),
                   "vsock");
    }

    void open_doors() {
        auto const answer = client_.ask(Type::list, wire::Nothing{});
        std::map<std::string, Descriptor> doors;
        for (auto const& item : answer.items) {
            auto const vm = item.as<wire::VmInfo>();
            if (vm.vsock_cid == 0) continue;
            std::string const name{vm.name};
            auto const found = doors_.find(name);
            auto door = found != doors_.end() ? std::move(found->second)
                                              : listen_at_socket(vsock_socket(control_, name));
            if (found != doors_.end()) doors_.erase(found);
            if (door.open()) doors.emplace(name, std::move(door));
        }
        for (auto const& [name, door] : doors_) ::unlink(vsock_socket(control_, name).c_str());
        doors_ = std::move(doors);
    }

    void let_in(std::string const& vm, Descriptor const& door) {
        Descriptor socket{::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (!socket.open()) return;
        if (visitors_.size() >= most_visitors) visitors_.pop_front();
        visitors_.push_back({vm, std::move(socket), {}});
    }

    // True: it is no visitor any more.
    bool has_decided(Visitor& visitor) {
        std::array<char, longest_line> bytes{};
        auto const count = ::read(visitor.socket.get(), bytes.data(), bytes.size() - visitor.said.size());
        if (count < 0) return errno != EAGAIN && errno != EINTR;
        visitor.said.append(bytes.data(), static_cast<usize>(count));
        auto const end = visitor.said.find('\n');
        if (end == std::string::npos) return count == 0 || visitor.said.size() == longest_line;
        auto const port = port_of_connect(std::string_view{visitor.said}.substr(0, end));
        if (port == 0) return true;
        visitor.said.erase(0, end + 1);
        auto const sequence =
            client_.send(Type::vsock_connect,
                         wire::VsockConnect{.vm = visitor.vm, .port = port, .room = VsockStreams::room_here});
        calls_.emplace(sequence, std::move(visitor));
        return true;
    }

    void answer(Said const& said) {
        auto call = calls_.extract(said.header.sequence);
        if (call.empty() || said.as<wire::Reply>().status != wire::Status::ok) return;
        auto const opened = said.as<wire::ReplyWith<wire::VsockOpened>>().body;
        auto& visitor = call.mapped();
        auto const line = fmt::format("OK {}\n", opened.port);
        // A new socket has room for that, unless its other end is gone.
        if (::send(visitor.socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) {
            client_.send(Type::vsock_close, wire::VsockStream{opened.stream});
            return;
        }
        streams_.join(opened.stream, opened.room, std::move(visitor.socket), std::move(visitor.said));
    }

    void visit(wire::VsockIncoming const& guest) {
        auto socket = connect_to_socket(vsock_socket(control_, std::string{guest.vm}, guest.port));
        if (!socket.open()) {
            client_.send(Type::vsock_close, wire::VsockStream{guest.stream});
            return;
        }
        client_.send(Type::vsock_accept, wire::VsockAccept{guest.stream, VsockStreams::room_here});
        streams_.join(guest.stream, guest.room, std::move(socket), {});
    }

    Path control_;
    ControlClient client_;
    VsockStreams streams_{client_};
    std::map<std::string, Descriptor> doors_{};
    std::list<Visitor> visitors_{};
    std::map<u32, Visitor> calls_{};  // by their requests
};

bool lives(Path const& control) {
    auto const process = read_instance_record(control.parent_path()).qemu;
    return process > 1 && ::kill(process, 0) == 0;
}

}  // namespace

Path vsock_socket(Path const& control, std::string const& vm) {
    return control.parent_path() / fmt::format("vsock-{}", vm);
}

Path vsock_socket(Path const& control, std::string const& vm, unsigned port) {
    return control.parent_path() / fmt::format("vsock-{}_{}", vm, port);
}

unsigned port_of_connect(std::string_view line) {
    constexpr std::string_view word = "CONNECT ";
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.starts_with(word)) return 0;
    line.remove_prefix(word.size());
    unsigned port = 0;
    auto const parsed = std::from_chars(line.data(), line.data() + line.size(), port);
    bool const whole = parsed.ec == std::errc{} && parsed.ptr == line.data() + line.size();
    return whole && port != ~0u ? port : 0;
}

int serve_vsock(Path const& control) {
    auto const lock_file = control.parent_path() / "vsock.lock";
    Descriptor const lock{::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!lock.open() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return 0;
    ::signal(SIGPIPE, SIG_IGN);
    // A machine that has just begun does not answer yet, and one that panicked begins anew.
    do {
        try {
            Server{control}.run();
        } catch (Failure const&) {
            std::this_thread::sleep_for(between_tries);
        }
    } while (lives(control));
    return 0;
}

void start_vsock_server(Path const& control) {
    Descriptor const nothing{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    // By its name, unless another program has that now.
    Path program = std::filesystem::read_symlink("/proc/self/exe");
    if (!std::filesystem::exists(program)) program = "/proc/self/exe";
    ChildProcess server{{program.string(), "vsock-server", "--socket", control.string()},
                        {.errors = nothing.get(), .detached = true}};
    server.let_go();
}

}  // namespace antler::cli
