// What an operator asks of a machine that runs: list, dominfo, domstats, and the verbs of a VM's life.
#pragma once

#include <optional>
#include <string>

#include "abi/control.hpp"
#include "base/types.hpp"
#include "cli/control_client.hpp"
#include "cli/places.hpp"

namespace antler::cli {

// Which machine, and how the answer is printed.
struct Asked {
    std::string machine{};  // its name; empty: the only one there is
    Path socket{};          // its control socket instead
    bool json = false;
};

[[nodiscard]] ControlClient client_of(Asked const& asked);

int list_command(Asked const& asked);
int host_command(Asked const& asked);
int instances_command(bool json);
int vm_info_command(Asked const& asked, std::string const& vm);
int vm_statistics_command(Asked const& asked, std::string const& vm);

// start, shutdown, destroy, reboot, suspend, resume, undefine, power_button.
int act_command(Asked const& asked, wire::Type what, std::string const& vm);

struct ShutdownOptions : Asked {
    std::string vm{};
    bool wait = false;   // until it is off
    double timeout = 0;  // seconds; it waits then, too
};
int shutdown_command(ShutdownOptions const& options);

struct PinOptions : Asked {
    std::string vm{};
    std::string vcpu{};   // a number, or "all"
    std::string harts{};  // "0-1,3"
};
int pin_command(PinOptions const& options);

struct MemoryOptions : Asked {
    std::string vm{};
    std::string size{};
};
int set_memory_command(MemoryOptions const& options);

struct LinkOptions : Asked {
    std::string vm{};
    u32 card = 0;
    std::string state{};  // "up" or "down"
};
int link_command(LinkOptions const& options);

struct ShareOptions : Asked {
    std::string vm{};
    std::optional<u32> weight{};  // as it is, where it is left out
    std::optional<u32> cap{};
};
int share_command(ShareOptions const& options);

struct PanicOptions : Asked {
    bool now = false;
    std::optional<u32> stall{};  // a hart that serves nothing for a while
    bool erase = false;
};
// The hypervisor's last words before the reset.
int panic_command(PanicOptions const& options);

// "0-1,3" as bits; a Failure where it is not such a list.
[[nodiscard]] u64 hart_mask(std::string const& text);
// The other way round.
[[nodiscard]] std::string hart_list(u64 mask);
// "1 d 02:03:04", "02:03.4".
[[nodiscard]] std::string duration(u64 nanoseconds);

}  // namespace antler::cli
