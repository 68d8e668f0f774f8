// Faults of devices in words, so many lines at a time.
#include "boot/iommus.hpp"

#include "boot/drivers.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "hart/fence.hpp"

namespace antler::boot {
namespace {

using Fault = platform::Iommus::Fault;
using isa::iommu::Transaction;

constexpr u32 lines_a_second = 8;

std::string_view verb(Transaction kind) {
    switch (kind) {
        case Transaction::none: return "did something";
        case Transaction::fetch:
        case Transaction::translated_fetch: return "fetched";
        case Transaction::read:
        case Transaction::translated_read: return "read";
        case Transaction::write:
        case Transaction::translated_write: return "wrote";
        case Transaction::translation_request: return "asked for a translation";
        case Transaction::message_request: return "sent a message";
    }
    return "did something";
}

// A device has the number that it has in PCI: bus, device and function.
void print_device(TextBuffer<96>& into, Fault const& fault) {
    constexpr std::string_view digits = "0123456789abcdef";
    auto const two = [&](u32 n) {
        std::array const text{digits[n >> 4 & 15], digits[n & 15]};
        into.write({text.data(), text.size()});
    };
    if (!fault.vm.empty()) {
        print(into, "VM {}'s device ", fault.vm);
    } else {
        print(into, "{} device ", fault.house ? "the hypervisor's" : "nobody's");
    }
    auto const number = fault.device.number;
    two(number >> 8);
    into.write(":");
    two(number >> 3 & 0x1f);
    print(into, ".{}", number & 7);
}

void say_fault(Fault const& fault) {
    TextBuffer<96> device;
    print_device(device, fault);
    say("antler: iommu: {} {} at {:x}: {}\n", device.view(), verb(fault.record.transaction()),
        fault.record.iotval, isa::iommu::describe(fault.record.why()));
    if (fault.silenced) say("antler: iommu: {} is heard no more: too many faults\n", device.view());
}

void listen_to_one(System& all, BoardIommus& iommus, u32 i) {
    auto& listener = iommus.listeners[i];
    if (iommus.all[i].signal() == platform::Iommu::Signal::wire) {
        (void)listen_to(all, iommus.board.wire(i), listener);
        return;
    }
    auto const message = listen_to_messages(all, listener);
    if (!message) {
        (void)listen_to(all, std::nullopt, listener);
        return;
    }
    iommus.all[i].send_messages(message->to, message->data);
    if (auto const& function = iommus.board.function(i)) function->send_messages();
}

}  // namespace

void IommuListener::interrupted() {
    // Two harts may be sent here, one by its wire and one that asks everybody.
    if (busy.exchange(true, std::memory_order_acquire)) return;
    say_all();
    busy.store(false, std::memory_order_release);
}

void IommuListener::listen() {
    while (busy.exchange(true, std::memory_order_acquire)) hart::pause();
    say_all();
    busy.store(false, std::memory_order_release);
}

void IommuListener::say_all() {
    auto& all = system();
    auto& iommus = all.iommus->all;
    auto const now = hart::time();
    if (now - window_start > all.board.timebase.hertz) {
        if (unsaid != 0) say("antler: iommu: {} more faults were not told\n", unsaid);
        window_start = now;
        lines = 0;
        unsaid = 0;
    }
    iommus.for_each_fault(index, Ticks{now}, [&](Fault const& fault) {
        if (lines < lines_a_second || fault.silenced) {
            ++lines;
            say_fault(fault);
        } else {
            ++unsaid;
        }
    });
    if (iommus[index].is_dead() && !said_dead) {
        said_dead = true;
        say("antler: iommu {} does not obey: its devices reach nothing any more\n", index);
    }
}

void open_iommus(System& all) {
    all.iommus.emplace(all.frames);
    auto& iommus = *all.iommus;
    iommus.all.set_patience({all.board.timebase.hertz});
    iommus.board.find(all.board, all.house, all.pci ? &*all.pci : nullptr, iommus.all);
}

void listen_to_iommus(System& all) {
    auto& iommus = *all.iommus;
    for (u32 i = 0; i < iommus.all.size(); ++i) {
        iommus.listeners[i].index = i;
        if (iommus.all[i].is_dead()) continue;
        listen_to_one(all, iommus, i);
    }
    if (!iommus.all.stores_messages()) return;
    if (auto const notice = listen_to_messages(all, iommus.messages)) iommus.messages.take_notices(*notice);
}

bool describe_iommu(BoardIommus& iommus, u32 index, abi::control::IommuInfo& into) {
    if (index >= iommus.all.size()) return false;
    auto const& iommu = iommus.all[index];
    auto const has = iommu.capabilities();
    using isa::iommu::Capabilities;
    using platform::Iommu;
    into = {.index = index,
            .kind = iommus.all.kind(index),
            .version = Capabilities::version::get(has.raw),
            .levels = iommu.is_dead() ? 0 : iommu.shape().levels,
            .tells = iommu.signal() == Iommu::Signal::wire      ? "wire"
                     : iommu.signal() == Iommu::Signal::message ? "message"
                                                                : "nothing",
            .devices = iommus.all.devices(index),
            .commands = iommu.commands_done(),
            .faults = iommu.faults_seen(),
            .redirects = !Capabilities::msi_flat::get(has.raw)   ? 0u
                         : !Capabilities::msi_mrif::get(has.raw) ? 1u
                                                                 : 2u,
            .stored = iommus.messages.stored(),
            .notices = iommus.messages.notices()};
    return true;
}

void print_iommus(System& all) {
    auto& iommus = all.iommus->all;
    using isa::iommu::Capabilities;
    for (u32 i = 0; i < iommus.size(); ++i) {
        auto const& iommu = iommus[i];
        auto const has = iommu.capabilities();
        if (iommu.is_dead()) {
            say("antler: iommu {}: {}, version {}.{}, cannot be used: it refuses all of its devices\n", i,
                iommus.kind(i), has.major(), has.minor());
            continue;
        }
        auto const signal = iommu.signal();
        say("antler: iommu {}: {}, version {}.{}, {}-level directory of {}-byte entries; messages: {}{}; "
            "marks pages: {}; tells by {}\n",
            i, iommus.kind(i), has.major(), has.minor(), iommu.shape().levels, iommu.shape().entry_bytes(),
            Capabilities::msi_flat::get(has.raw) ? "to files" : "as memory",
            Capabilities::msi_mrif::get(has.raw) ? " and into memory" : "",
            Capabilities::amo_hwad::get(has.raw),
            signal == platform::Iommu::Signal::wire      ? "its wire"
            : signal == platform::Iommu::Signal::message ? "messages"
                                                         : "being asked");
    }
}

}  // namespace antler::boot
