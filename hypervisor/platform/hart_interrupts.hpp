// How the board's interrupts reach one hart, whichever controller the board has.
#pragma once

#include <atomic>
#include <variant>

#include "base/match.hpp"
#include "platform/host_aplic.hpp"
#include "platform/host_imsic.hpp"
#include "platform/host_plic.hpp"
#include "platform/interrupt_table.hpp"

namespace antler::platform {

// A hart's part of an APLIC that signals to harts directly.
class AplicHart {
public:
    AplicHart(HostAplic& domain, BoardHart::AplicPlace place) : domain_{&domain}, place_{place} {}

    // A hart belongs to one APLIC.                                                            [aia AdvPLIC]
    [[nodiscard]] Result<void> enable(BoardWire wire) {
        if (wire.controller != place_.controller) return Err{Error::not_found};
        connect(wire);
        return {};
    }
    void close(u32 line) const { domain_->close(line & isa::aplic::most_sources); }
    // QEMU 10 leaves a level pending that fell unclaimed, so its source begins anew.
    void open(BoardWire wire) const {
        if (!isa::aplic::is_level(wire.mode)) return domain_->open(wire);
        domain_->disconnect(wire);
        connect(wire);
    }
    [[nodiscard]] bool is_high(BoardWire wire) const { return domain_->is_high(wire.source); }
    void open() const { domain_->open_hart(place_.index); }
    // Zero: none; else BoardWire::line().
    [[nodiscard]] u32 claim() const {
        auto const source = domain_->claim(place_.index);
        return source == 0 ? 0 : BoardWire{.source = source, .controller = place_.controller}.line();
    }

private:
    void connect(BoardWire wire) const {
        constexpr u32 priority = 1;
        domain_->connect(wire, isa::aplic::Target::direct(place_.index, priority));
    }

    HostAplic* domain_;
    BoardHart::AplicPlace place_;
};

class HartInterrupts {
public:
    HartInterrupts() = default;
    template <class Kind>
    void come_by(Kind const& kind) {
        kind_ = kind;
    }

    // This hart takes the wire; from open() on, or from the next open().
    [[nodiscard]] Result<void> enable(BoardWire wire);
    // The same for a device that sends messages to the hart itself; only where the hart has a file.
    [[nodiscard]] Result<HostImsic::Message> enable_message(u16 line) {
        auto* const imsic = std::get_if<HostImsic>(&kind_);
        if (imsic == nullptr) return Err{Error::not_found};
        return imsic->enable_message(line);
    }
    // From any hart, where this one closed the wire (Aftermath::closed): it hears of it again.
    void open(BoardWire wire);
    // From any hart: nobody hears of the wire until then; what came already is served.
    void close(BoardWire wire);
    // Whether a closed wire is high; where that cannot be told, it must be opened.
    [[nodiscard]] std::optional<bool> is_high(BoardWire wire);
    // On the hart itself, when it starts and whenever a wire was added: firmware may have closed everything.
    void open();

    // The way to call this hart without firmware; none: there is none.
    [[nodiscard]] HostImsic const* file() const { return std::get_if<HostImsic>(&kind_); }

    // One interrupt, on the hart itself.  True: another hart calls, which is answered before all else.
    bool serve(InterruptTable const& table) {
        auto const* const imsic = std::get_if<HostImsic>(&kind_);
        if (imsic == nullptr) {
            serve_wire(table);
            return false;
        }
        auto const came = imsic->claim();
        if (came.what == HostImsic::Came::call) {
            add_one(calls_);
            return true;
        }
        if (came.what == HostImsic::Came::wire) serve_message(table, *imsic, came);
        return false;
    }
    // How many came, for whoever looks from another hart.
    [[nodiscard]] u64 served() const { return served_.load(std::memory_order_relaxed); }
    [[nodiscard]] u64 calls() const { return calls_.load(std::memory_order_relaxed); }

private:
    static void add_one(std::atomic<u64>& count) {  // by this hart only
        count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    // Neither is inlined: a call pays for no registers that they need.
    [[gnu::noinline]] void serve_wire(InterruptTable const& table);
    [[gnu::noinline]] void serve_message(InterruptTable const& table, HostImsic const& imsic,
                                         HostImsic::Claimed const& came);

    std::variant<std::monostate, HostPlic, AplicHart, HostImsic> kind_{};
    std::atomic<u64> served_ = 0;
    std::atomic<u64> calls_ = 0;
};

}  // namespace antler::platform
