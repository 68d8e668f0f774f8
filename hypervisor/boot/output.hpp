// The consoles of all VMs on the board's one: as they are while there is one VM, by lines with names else.
#pragma once

#include <string_view>

#include "backend/console.hpp"
#include "base/format.hpp"

namespace antler::boot {

// `[name] ` stands before a line.  Where another spoke before a line had come to its end, it goes on in a
// line that begins with `[name]+`, so that whoever reads both can put it together again.
class Output {
public:
    void name_the_speaker(bool on) { named_ = on; }

    template <class Port>
    void write(backend::Console& speaker, std::string_view text, Port& port) {
        if (!named_) {
            last_ = nullptr;
            note_end(text);
            return port.write(text);
        }
        for (char const c : text) {
            if (&speaker != last_ && !at_line_start_) cut_line(port);
            if (at_line_start_) begin_line(speaker, port);
            last_ = &speaker;
            at_line_start_ = c == '\n';
            port.write({&c, 1});
        }
    }

    // A line of the hypervisor's own, which begins one in any case.
    template <class Port>
    void say(std::string_view line, Port& port) {
        if (!at_line_start_) cut_line(port);
        port.write(line);
        last_ = nullptr;
        note_end(line);
    }

    // It goes, and is not to be thought of any more.
    void forget(backend::Console const& speaker) {
        if (last_ == &speaker) last_ = nullptr;
    }

private:
    template <class Port>
    void cut_line(Port& port) {
        port.write("\r\n");
        at_line_start_ = true;
        if (last_ != nullptr) last_->line_is_cut = true;
    }

    // A carriage return alone changes nothing.
    void note_end(std::string_view text) {
        while (text.ends_with('\r')) text.remove_suffix(1);
        if (!text.empty()) at_line_start_ = text.ends_with('\n');
    }

    template <class Port>
    static void begin_line(backend::Console& speaker, Port& port) {
        port.write("[");
        port.write(speaker.vm);
        if (speaker.index != 0) {
            TextBuffer<12> index;
            print(index, ":{}", speaker.index);
            port.write(index.view());
        }
        port.write(speaker.line_is_cut ? "]+" : "] ");
        speaker.line_is_cut = false;
    }

    bool named_ = false;
    bool at_line_start_ = true;
    backend::Console* last_ = nullptr;
};

}  // namespace antler::boot
