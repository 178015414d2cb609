-- chatd.lua is a dissector of the chat protocol (docs/protocol.md) for Wireshark and tshark.
--
--     tshark    -X lua_script:docs/chatd.lua -i lo -f 'tcp port 5378' -Y chatd
--     tshark    -X lua_script:docs/chatd.lua -r chat.pcap -Y 'chatd.to == "bob"' -O chatd
--     wireshark -X lua_script:docs/chatd.lua chat.pcap
--
-- To load it always, copy it into the folder that Help > About > Folders calls Personal Lua Plugins.
-- It dissects TCP port 5378 only. For a server on another port use `-d tcp.port==6000,chatd`, or Decode
-- As in the menu.
--
-- Filters:
--
--     chatd.verb            the header of a line: SEND, DELIVERY, SEND-OK, ...
--     chatd.name            the name in the line; chatd.to in a SEND, chatd.from in a DELIVERY
--     chatd.message         the message of a SEND and a DELIVERY
--     chatd.users           each name of a LIST-OK
--     chatd.request         the client sent the line
--     chatd.response        the line is the server's answer to a request
--     chatd.delivery        the line is the server's and answers no request
--     chatd.response_in     the frame in which the answer to this request ended
--     chatd.response_to     the frame in which the request of this answer ended
--     chatd.time            the time between the two
--     chatd.long, chatd.utf8, chatd.unfit, chatd.unasked    errors; see Analyze > Expert Information
--
-- If segments were lost or reordered, add `-o tcp.reassemble_out_of_order:TRUE`; otherwise Wireshark
-- leaves out the data of such segments.
--
-- Answers come in the order of the requests, with deliveries between them (docs/protocol.md, promise
-- 2), so an answer belongs to the oldest request without one. The capture must include the beginning
-- of the connection.

local chatd = Proto("chatd", "Chat Protocol")

local f = {
    request  = ProtoField.bool("chatd.request", "Request"),
    response = ProtoField.bool("chatd.response", "Response"),
    delivery = ProtoField.bool("chatd.delivery", "Delivery"),
    verb     = ProtoField.string("chatd.verb", "Verb", base.UNICODE),
    name     = ProtoField.string("chatd.name", "Name", base.UNICODE),
    from     = ProtoField.string("chatd.from", "From", base.UNICODE),
    to       = ProtoField.string("chatd.to", "To", base.UNICODE),
    message  = ProtoField.string("chatd.message", "Message", base.UNICODE),
    users    = ProtoField.string("chatd.users", "User", base.UNICODE),

    response_in = ProtoField.framenum("chatd.response_in", "Response in", base.NONE, frametype.RESPONSE),
    response_to = ProtoField.framenum("chatd.response_to", "Response to", base.NONE, frametype.REQUEST),
    time        = ProtoField.relative_time("chatd.time", "Time since the request"),
}
chatd.fields = f

local odd = {
    long = ProtoExpert.new("chatd.long", "The line is longer than the longest login",
        expert.group.PROTOCOL, expert.severity.NOTE),
    utf8 = ProtoExpert.new("chatd.utf8", "The line is not valid UTF-8, which no name may be",
        expert.group.PROTOCOL, expert.severity.NOTE),
    unfit = ProtoExpert.new("chatd.unfit", "This is no answer to the oldest open request",
        expert.group.SEQUENCE, expert.severity.WARN),
    unasked = ProtoExpert.new("chatd.unasked", "This is an answer, and no request is open",
        expert.group.SEQUENCE, expert.severity.WARN),
}
chatd.experts = odd

local tcp_stream = Field.new("tcp.stream")

-- The longest line before login, in bytes without the line end: a login with the longest name (--max-name).
local max_line_new = #"HELLO-FROM " + 255

-- The answers that a request may get besides BAD-RQST-HDR and BAD-RQST-BODY.
local answers = {
    ["HELLO-FROM"] = { ["HELLO"] = true, ["IN-USE"] = true, ["BUSY"] = true },
    ["LIST"] = { ["LIST-OK"] = true },
    ["SEND"] = { ["SEND-OK"] = true, ["BAD-DEST-USER"] = true },
}

-- The well-formed sequences of two to four bytes (Unicode, table 3-7). A lead byte is never a
-- continuation byte, so a valid text without these sequences is ASCII.
local sequences = {
    "\xF0[\x90-\xBF][\x80-\xBF][\x80-\xBF]",
    "[\xF1-\xF3][\x80-\xBF][\x80-\xBF][\x80-\xBF]",
    "\xF4[\x80-\x8F][\x80-\xBF][\x80-\xBF]",
    "\xE0[\xA0-\xBF][\x80-\xBF]",
    "[\xE1-\xEC\xEE\xEF][\x80-\xBF][\x80-\xBF]",
    "\xED[\x80-\x9F][\x80-\xBF]",
    "[\xC2-\xDF][\x80-\xBF]",
}

local function is_utf8(text)
    for _, sequence in ipairs(sequences) do
        text = text:gsub(sequence, "?") -- not "": the bytes on both sides must stay separate
    end
    return not text:find("[\x80-\xFF]")
end

-- The result of the first pass over the frames. Wireshark dissects a frame again at each click, so the
-- relations between lines are stored by the place of the line.
local open  -- by TCP stream: the requests without an answer, oldest first
local known -- by place: a request or a response, as remember makes them

function chatd.init()
    open, known = {}, {}
end

-- remember stores a line at its first dissection.
local function remember(place, pinfo, verb, from_client)
    local stream = tcp_stream().value
    local queue = open[stream] or {}
    open[stream] = queue
    local line = { verb = verb, frame = pinfo.number, at = pinfo.rel_ts }
    known[place] = line
    if from_client then
        table.insert(queue, line)
    elseif verb ~= "DELIVERY" then
        line.request = table.remove(queue, 1)
        if line.request then
            line.request.response = line
        end
    end
end

-- fits reports whether the request may get this answer.
local function fits(answer)
    local may = answers[answer.request.verb] or {}
    return answer.verb == "BAD-RQST-HDR" or answer.verb == "BAD-RQST-BODY" or may[answer.verb]
end

-- relate shows the request of an answer, or the answer of a request.
local function relate(tree, line, from_client)
    if from_client then
        tree:add(f.request, true):set_generated()
        if line.response then
            tree:add(f.response_in, line.response.frame):set_generated()
        end
        return
    end
    if line.verb == "DELIVERY" then
        tree:add(f.delivery, true):set_generated()
        return
    end
    tree:add(f.response, true):set_generated()
    if not line.request then
        tree:add_proto_expert_info(odd.unasked)
        return
    end
    tree:add(f.response_to, line.request.frame):set_generated()
    local passed = line.at - line.request.at
    local seconds = math.floor(passed)
    tree:add(f.time, NSTime.new(seconds, math.floor((passed - seconds) * 1e9 + 0.5))):set_generated()
    if not fits(line) then
        tree:add_proto_expert_info(odd.unfit)
    end
end

-- body shows the body of a line. range is the line, text the same as a string.
local function body(tree, range, text, verb, from_client)
    -- add shows the bytes from first on, up to the one before past, both counted from 1.
    local function add(to, field, first, past)
        return to:add_packet_field(field, range:range(first - 1, past - first), ENC_UTF_8)
    end
    local start = #verb + 2
    if from_client and verb == "SEND" or not from_client and verb == "DELIVERY" then
        local first, past, message = text:match("^ *()[^ ]*() ()", start)
        if first then
            add(add(tree, f.name, first, past), from_client and f.to or f.from, first, past)
            if message <= #text then
                add(tree, f.message, message, #text + 1)
            end
        end
    elseif from_client and verb == "HELLO-FROM" or not from_client and verb == "HELLO" then
        if start <= #text then
            add(tree, f.name, start, #text + 1)
        end
    elseif not from_client and verb == "LIST-OK" then
        while start <= #text do
            local past = text:find(",", start, true) or #text + 1
            if past > start then
                add(tree, f.users, start, past)
            end
            start = past + 1
        end
    end
end

-- show dissects one line: length bytes without the line end, and size bytes with it.
local function show(tvb, offset, length, size, place, pinfo, tree)
    local range = tvb:range(offset, length)
    local text = length > 0 and range:raw() or ""
    local verb = text:match("^[^ ]*")
    local from_client = pinfo.dst_port == pinfo.match
    if not known[place] then
        remember(place, pinfo, verb, from_client)
    end
    local shown = text:sub(1, 60):gsub("[^\x20-\x7E]", ".")
    pinfo.cols.info:append((tostring(pinfo.cols.info) == "" and "" or " | ") .. shown)
    local item = tree:add(chatd, tvb:range(offset, size), "Chat Protocol: " .. shown)
    if #verb > 0 then
        item:add_packet_field(f.verb, range:range(0, #verb), ENC_UTF_8)
    end
    body(item, range, text, verb, from_client)
    relate(item, known[place], from_client)
    if length > max_line_new then
        item:add_proto_expert_info(odd.long)
    end
    if not is_utf8(text) then
        item:add_proto_expert_info(odd.utf8)
    end
end

-- A segment may hold several lines, and a line may take several segments. Bytes without a line end are
-- left to Wireshark, which passes them again together with the next segment.
function chatd.dissector(tvb, pinfo, tree)
    local bytes = tvb:raw()
    local offset = 0
    while offset < #bytes do
        local feed = bytes:find("\n", offset + 1, true)
        if not feed then
            pinfo.desegment_offset = offset
            pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        if offset == 0 then
            pinfo.cols.protocol = "chatd"
            pinfo.cols.info = ""
        end
        local size = feed - offset
        local length = size - 1
        if length > 0 and bytes:byte(feed - 1) == 13 then -- one \r belongs to the line end
            length = length - 1
        end
        local place = pinfo.number .. " " .. offset
        show(tvb, offset, length, size, place, pinfo, tree)
        offset = feed
    end
    return #bytes
end

DissectorTable.get("tcp.port"):add(5378, chatd)
