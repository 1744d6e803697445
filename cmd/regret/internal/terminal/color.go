package terminal

import "fmt"

// A Color says when output has colour: the value of --color. It is a pflag.Value; the zero value
// is auto.
type Color struct{ mode string }

// Values of [Color].
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// String returns auto, always or never.
func (c *Color) String() string {
	if c.mode == "" {
		return colorAuto
	}
	return c.mode
}

// Set takes auto, always or never.
func (c *Color) Set(value string) error {
	switch value {
	case colorAuto, colorAlways, colorNever:
		c.mode = value
		return nil
	}
	return fmt.Errorf("unknown color mode %q; use auto, always or never", value)
}

// Type returns what --help shows for the value.
func (c *Color) Type() string { return "auto|always|never" }

// Palette returns the styles that the output can show. With auto these are none if NO_COLOR is
// set; otherwise all if CLICOLOR_FORCE is set and not 0; otherwise all at a terminal that
// understands them.
func (o *Output) Palette(c Color) Palette {
	switch c.String() {
	case colorAlways:
		return Palette{on: true}
	case colorNever:
		return Palette{}
	}
	if o.getenv("NO_COLOR") != "" {
		return Palette{}
	}
	force := o.getenv("CLICOLOR_FORCE")
	return Palette{on: force != "" && force != "0" || o.redraws}
}

// A Style is the look of a text.
type Style string

// The styles: the parameters of the escape sequence SGR.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Cyan   Style = "36"
)

// A Palette styles texts, or leaves all of them as they are: the zero value.
type Palette struct{ on bool }

// Paint returns the text in a style. The text must be safe: see [Safe].
func (p Palette) Paint(style Style, text string) string {
	if !p.on || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
