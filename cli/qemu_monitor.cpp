// A line of JSON for each command and each answer; events come between them.
#include "cli/qemu_monitor.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "cli/failure.hpp"

namespace antler::cli {
namespace {

constexpr int patience = 10'000;  // milliseconds

Descriptor connect_to(Path const& path) {
    Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    auto const name = path.string();
    if (name.size() < sizeof address.sun_path) {
        std::memcpy(address.sun_path, name.data(), name.size());
        if (::connect(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0)
            return socket;
    }
    throw Failure{ExitCode::internal, "The machine's QEMU does not answer."};
}

}  // namespace

QemuMonitor::QemuMonitor(Path const& socket) : socket_{connect_to(socket)} {
    (void)next();  // its greeting
    (void)ask("qmp_capabilities");
}

nlohmann::json QemuMonitor::ask(std::string const& command, nlohmann::json arguments) {
    auto const line = nlohmann::json{{"execute", command}, {"arguments", std::move(arguments)}}.dump() + "\n";
    if (::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
        throw Failure{ExitCode::internal, "The machine's QEMU has hung up."};
    for (;;) {
        auto const answer = next();
        if (answer.contains("error"))
            throw Failure{
                ExitCode::internal,
                fmt::format("QEMU refuses it: {}.", answer["error"].value("desc", "it does not say why"))};
        if (answer.contains("return")) return answer["return"];
    }
}

nlohmann::json QemuMonitor::next() {
    auto end = heard_.find('\n');
    for (; end == std::string::npos; end = heard_.find('\n')) {
        pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        std::array<char, 4096> chunk{};
        auto const got =
            ::poll(&waiting, 1, patience) > 0 ? ::read(socket_.get(), chunk.data(), chunk.size()) : -1;
        if (got <= 0) throw Failure{ExitCode::internal, "The machine's QEMU does not answer."};
        heard_.append(chunk.data(), static_cast<std::size_t>(got));
    }
    auto const line = heard_.substr(0, end);
    heard_.erase(0, end + 1);
    auto const said = nlohmann::json::parse(line, nullptr, false);
    if (said.is_discarded())
        throw Failure{ExitCode::internal, "The machine's QEMU said something that cannot be understood."};
    return said;
}

}  // namespace antler::cli
