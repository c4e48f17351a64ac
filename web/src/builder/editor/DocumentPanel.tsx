export default function DocumentPanel() {
  return null;
}
