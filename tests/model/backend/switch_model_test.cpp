// A switch against a list of rules: whatever stations send, exactly those get it who should.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "tests/unit/backend/stations.hpp"

namespace antler::backend {
namespace {

struct Modelled {
    Station* station;
    PortOptions options;
    std::vector<Frame> expected{};
    bool link = true;
};

// The rules, as docs/network.md has them, without a thought for speed.
class Rules {
public:
    std::vector<Modelled> ports{};
    u64 now = 0;

    void send(usize from, Mac source, Mac destination, std::optional<u16> tag, Frame const& bare) {
        auto& sender = ports[from];
        auto const& o = sender.options;
        if (!sender.link || (o.guarded && source != o.mac)) return;
        auto vlan = o.vlan;
        if (tag) {
            if (o.uplink && *tag != 0) vlan = *tag;
            if (!o.uplink && *tag != 0 && *tag != vlan) return;
        }
        for (auto const& other : ports)
            if (other.options.mac == source && source != Mac{} && other.options.vlan == vlan &&
                &other != &sender)
                return;
        learned_[{source.bits, vlan}] = {sender.station, now};
        auto const* const known = destination.is_group() ? nullptr : find(destination, vlan);
        for (auto& to : ports) {
            if (known != nullptr && to.station != known) continue;
            if (&to == &sender || !to.link) continue;
            if (!to.options.uplink) {
                if (to.options.vlan != vlan) continue;
                if (!o.uplink && (o.isolated || to.options.isolated)) continue;
            }
            bool const wants_tag = to.options.uplink && vlan != to.options.vlan;
            to.expected.push_back(wants_tag ? tagged(bare, vlan) : bare);
        }
    }
    void add(Station& station, PortOptions const& options) {
        ports.push_back({&station, options});
        learned_.erase({options.mac.bits, options.vlan});  // it has a place of its own now
    }
    void forget(Station const* gone) {
        std::erase_if(learned_, [&](auto const& entry) { return entry.second.station == gone; });
    }

private:
    struct Learned {
        Station* station;
        u64 when;
    };
    Station* find(Mac mac, Vlan vlan) {
        for (auto const& port : ports)
            if (port.options.mac == mac && port.options.vlan == vlan) return port.station;
        auto const found = learned_.find({mac.bits, vlan});
        if (found == learned_.end() || now - found->second.when > AddressTable::lifetime) return nullptr;
        return found->second.station;
    }
    std::map<std::pair<u64, Vlan>, Learned> learned_{};
};

RC_GTEST_PROP(SwitchModel, exactly_those_get_a_frame_who_should, ()) {
    Lan lan;
    Rules rules;
    u8 next_mac = 1;
    auto const vlan = [] { return *rc::gen::element<Vlan>(0, 10, 20); };
    auto const add = [&] {
        PortOptions options{.vlan = vlan(), .queue_pages = 8};
        options.uplink = lan.where.uplink() == nullptr && *rc::gen::inRange(0, 4) == 0;
        if (!options.uplink && *rc::gen::arbitrary<bool>()) options.mac = station(next_mac++);
        if (!options.uplink) options.isolated = *rc::gen::inRange(0, 4) == 0;
        options.guarded = options.mac != Mac{} && *rc::gen::arbitrary<bool>();
        rules.add(lan.add(options), options);
    };
    for (int i = 0; i < 4; ++i) add();
    auto const steps = *rc::gen::inRange(1, 80);
    for (int step = 0; step < steps; ++step) {
        auto const which = *rc::gen::inRange<usize>(0, rules.ports.size());
        auto const what = *rc::gen::inRange(0, 20);
        if (what == 0 && rules.ports.size() < 8) {
            add();
        } else if (what == 1 && rules.ports.size() > 2) {
            auto* const gone = rules.ports[which].station;
            rules.forget(gone);
            rules.ports.erase(rules.ports.begin() + static_cast<std::ptrdiff_t>(which));
            lan.remove(*gone);
        } else if (what == 2) {
            rules.ports[which].link = !rules.ports[which].link;
            rules.ports[which].station->port->set_link(rules.ports[which].link);
        } else if (what == 3) {
            rules.now += *rc::gen::inRange<u64>(0, 400);
        } else {
            auto const some = [&] { return station(*rc::gen::inRange<u8>(1, 12)); };
            auto const source = rules.ports[which].options.mac != Mac{} && *rc::gen::arbitrary<bool>()
                                    ? rules.ports[which].options.mac
                                    : some();
            auto const destination = *rc::gen::inRange(0, 4) == 0 ? broadcast : some();
            auto const bare =
                frame_of(destination, source, *rc::gen::inRange<u32>(14, 300), static_cast<u8>(step));
            std::optional<u16> tag{};
            if (*rc::gen::inRange(0, 3) == 0) tag = *rc::gen::element<u16>(0, 10, 20);
            // Some of them in one go: small ones that go the same way make a train.
            Wakes wakes;
            auto const count = *rc::gen::inRange(0, 3) == 0 ? *rc::gen::inRange(2, 12) : 1;
            for (int i = 0; i < count; ++i) {
                rules.send(which, source, destination, tag, bare);
                lan.send(*rules.ports[which].station, tag ? tagged(bare, *tag) : bare, {}, rules.now, wakes);
            }
        }
        for (auto& port : rules.ports) {
            RC_ASSERT(port.station->take() == port.expected);
            port.expected.clear();
        }
    }
}

}  // namespace
}  // namespace antler::backend
