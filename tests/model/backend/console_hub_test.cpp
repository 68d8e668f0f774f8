// Any order of talking, typing, listening and leaving against plain strings.
#include "backend/console_hub.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace antler::backend {
namespace {

constexpr usize ring_bytes = 29;

// What a console should be.
struct Model {
    std::string said{};
    std::string typed{};
    bool present = false;
    bool watched = false;
    u64 heard = 0;
    ConsoleOwner owner = ConsoleOwner::nobody;

    [[nodiscard]] u64 oldest() const { return said.size() > ring_bytes ? said.size() - ring_bytes : 0; }
};

struct World {
    ConsoleHub hub{};
    std::array<Console, 3> consoles{};
    std::array<std::array<u8, ring_bytes>, 3> rings{};
    std::array<Model, 3> models{};
    std::optional<usize> at_port{};
};

void leave(World& world, usize i) {
    world.hub.remove(world.consoles[i]);
    if (world.at_port == i) world.at_port.reset();
    world.models[i] = {};
}

void come(World& world, usize i) {
    world.consoles[i] = {};
    world.consoles[i].vm = std::string_view{"abc"}.substr(i, 1);
    (void)world.consoles[i].said.move_to(world.rings[i]);
    RC_ASSERT(world.hub.add(world.consoles[i]));
    world.models[i] = {.present = true};
}

void rotate(World& world) {
    auto* const now = world.hub.rotate_port();
    if (world.at_port && world.models[*world.at_port].owner == ConsoleOwner::port)
        world.models[*world.at_port].owner = ConsoleOwner::nobody;
    world.at_port.reset();
    for (usize i = 0; i < 3; ++i)
        if (now == &world.consoles[i]) world.at_port = i;
    bool any = false;
    for (auto const& model : world.models) any = any || model.present;
    RC_ASSERT(any == world.at_port.has_value());
    if (world.at_port) world.models[*world.at_port].owner = ConsoleOwner::port;
}

void type(World& world, usize i, ConsoleOwner who) {
    auto const text = *rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
    auto& model = world.models[i];
    auto const taken =
        world.hub.type(world.consoles[i], who, {reinterpret_cast<u8 const*>(text.data()), text.size()});
    auto const room = model.owner == who ? 256 - model.typed.size() : 0;
    RC_ASSERT(taken == std::min<usize>(room, text.size()));
    model.typed += text.substr(0, taken);
}

void take(World& world, usize i) {
    std::array<u8, 20> into{};
    auto const count = world.hub.take_typed(world.consoles[i], into);
    auto& typed = world.models[i].typed;
    RC_ASSERT(std::string(into.begin(), into.begin() + static_cast<long>(count)) == typed.substr(0, 20));
    typed.erase(0, count);
}

void hear(World& world) {
    auto* const console = world.hub.next_unheard(0);
    for (usize i = 0; i < 3; ++i) {
        auto const& model = world.models[i];
        if (console == nullptr) RC_ASSERT(!model.watched || model.heard == model.said.size());
    }
    if (console == nullptr) return;
    auto const i = static_cast<usize>(console - world.consoles.data());
    auto& model = world.models[i];
    RC_ASSERT(model.present && model.watched);
    if (console->ears[0].owner_changed) world.hub.owner_told(*console, 0);
    std::array<u8, 10> into{};
    auto const piece = world.hub.hear(*console, 0, into);
    RC_ASSERT(piece.position == std::max<u64>(model.heard, model.oldest()));
    RC_ASSERT(std::string(into.begin(), into.begin() + static_cast<long>(piece.size)) ==
              model.said.substr(piece.position, 10));
    model.heard = piece.position + piece.size;
}

RC_GTEST_PROP(ConsoleHubModel, does_what_strings_would, ()) {
    World world;
    auto const steps = *rc::gen::inRange(0, 200);
    for (int step = 0; step < steps; ++step) {
        auto const i = *rc::gen::inRange<usize>(0, 3);
        auto& console = world.consoles[i];
        auto& model = world.models[i];
        auto const what = *rc::gen::inRange(0, 10);
        if (!model.present) {
            come(world, i);
        } else if (what == 0) {
            leave(world, i);
        } else if (what == 1) {
            rotate(world);
        } else if (what == 2) {
            auto const history = *rc::gen::inRange<u64>(0, 50);
            world.hub.watch(console, 0, history);
            model.watched = true;
            model.heard = model.said.size() - std::min<u64>(history, model.said.size() - model.oldest());
        } else if (what == 3) {
            world.hub.own_by_channel(console, 0);
            model.owner = ConsoleOwner::channel;
        } else if (what == 4) {
            world.hub.unwatch(console, 0);
            model.watched = false;
            if (model.owner == ConsoleOwner::channel)
                model.owner = world.at_port == i ? ConsoleOwner::port : ConsoleOwner::nobody;
        } else if (what == 5) {
            type(world, i, *rc::gen::element(ConsoleOwner::port, ConsoleOwner::channel));
        } else if (what == 6) {
            take(world, i);
        } else if (what == 7) {
            hear(world);
        } else {
            auto const text = *rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
            (void)world.hub.write(console, text);
            model.said += text;
        }
        if (model.present) RC_ASSERT(console.owner == model.owner);
    }
}

}  // namespace
}  // namespace antler::backend
