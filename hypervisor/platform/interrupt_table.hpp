// Who serves which line into the board's interrupt controllers.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "base/result.hpp"
#include "base/types.hpp"

namespace antler::platform {

// A driver that a device's interrupt wakes, on any hart, while that hart holds no lock.
class InterruptHandler {
public:
    // Lowers the device's line before it returns, or somebody does later: see Aftermath.  Several devices may
    // share a line, so there may be nothing to do.  Bounded: what is left over is done when the line is
    // raised again.
    virtual void interrupted() = 0;

protected:
    ~InterruptHandler() = default;
};

// What follows when a handler has returned: the line is low, or its wire stays closed until somebody opens
// it, or the next rise is heard.
enum class Aftermath : u8 { lowered, closed, passed };

// Filled by one hart, read by all.  A handler stays for as long as the machine runs.
class InterruptTable {
public:
    static constexpr usize most = 64;

    // `line` is BoardWire::line(); none for a device without a wire, which is served by poll() alone.
    [[nodiscard]] Result<void> add(std::optional<u32> line, InterruptHandler& handler) {
        auto const count = count_.load(std::memory_order_relaxed);
        if (count == most) return Err{Error::full};
        entries_[count].line = line;
        entries_[count].handler = &handler;
        count_.store(count + 1, std::memory_order_release);  // readers see a whole entry
        return {};
    }

    // By that hart too; the handler is there.
    void end_with(InterruptHandler const& handler, Aftermath how) {
        for (auto& entry : entries_)
            if (entry.handler == &handler) entry.aftermath.store(how, std::memory_order_release);
    }
    // A line that is closed has one handler.
    [[nodiscard]] Aftermath aftermath(u32 line) const {
        auto found = Aftermath::lowered;
        for_each([&](Entry const& entry) {
            if (entry.line == line) found = entry.aftermath.load(std::memory_order_acquire);
        });
        return found;
    }

    // Somebody listens to this line.
    [[nodiscard]] bool has(u32 line) const {
        bool found = false;
        for_each([&](Entry const& entry) { found = found || entry.line == line; });
        return found;
    }
    // True when somebody does.
    bool serve(u32 line) const {
        bool found = false;
        for_each([&](Entry const& entry) {
            if (entry.line != line) return;
            entry.handler->interrupted();
            found = true;
        });
        return found;
    }

    [[nodiscard]] u32 count() const { return static_cast<u32>(count_.load(std::memory_order_acquire)); }
    [[nodiscard]] u32 wired() const {
        u32 found = 0;
        for_each([&](Entry const& entry) { found += entry.line ? 1 : 0; });
        return found;
    }

    // Everybody who lowers lines, as if all had interrupted: for boards without a wire.
    void poll() const {
        for_each([](Entry const& entry) {
            if (entry.aftermath.load(std::memory_order_acquire) == Aftermath::lowered)
                entry.handler->interrupted();
        });
    }

private:
    struct Entry {
        std::optional<u32> line{};
        InterruptHandler* handler = nullptr;
        std::atomic<Aftermath> aftermath = Aftermath::lowered;
    };
    template <class Body>
    void for_each(Body&& body) const {
        auto const count = count_.load(std::memory_order_acquire);
        for (usize i = 0; i < count; ++i) body(entries_[i]);
    }

    std::array<Entry, most> entries_{};
    std::atomic<usize> count_ = 0;
};

}  // namespace antler::platform
