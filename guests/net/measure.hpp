// The guest that asks, and what a packet costs the hypervisor.
#pragma once

#include "guests/net/talk.hpp"

namespace antler::guests {

struct Asker {
    Card& card;
    Address self{};
    Address peer{};
    Mac mac{};  // the peer's

    // Asks by ARP, for 100 ms each time.
    [[nodiscard]] bool find_peer(u32 times);
    // The next IP packet of a protocol, within so many ticks.
    [[nodiscard]] std::optional<Card::Received> next(u8 protocol, u64 ticks);
    [[nodiscard]] Report question(u16 port);
    void tell_end();
};

// `bench net_64 N`: instructions of the hypervisor for one packet from guest to guest, and more rows like it.
void measure(Asker& asker);

}  // namespace antler::guests
