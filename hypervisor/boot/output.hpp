// The consoles of all VMs on the board's one: as they are while there is one VM, by lines with names else.
#pragma once

#include <string_view>

#include "base/format.hpp"
#include "boot/console.hpp"

namespace antler::boot {

class Output {
public:
    void name_the_speaker(bool on) { named_ = on; }

    void write(void const* speaker, std::string_view name, u32 index, std::string_view text,
               Console& console) {
        if (!named_) return console.write(text);
        for (char const c : text) {
            if (speaker != last_ && !at_line_start_) begin_line(console);
            if (at_line_start_) {
                console.write("[");
                console.write(name);
                if (index != 0) {
                    TextBuffer<12> port;
                    print(port, ":{}", index);
                    console.write(port.view());
                }
                console.write("] ");
            }
            last_ = speaker;
            at_line_start_ = c == '\n';
            console.write({&c, 1});
        }
    }

private:
    void begin_line(Console& console) {
        console.write("\r\n");
        at_line_start_ = true;
    }

    bool named_ = false;
    bool at_line_start_ = true;
    void const* last_ = nullptr;
};

}  // namespace antler::boot
